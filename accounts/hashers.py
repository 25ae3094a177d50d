"""Hashing and judging passwords: Argon2id at the OWASP minimum, bcrypt as it came from elsewhere, never too many at once."""

import os
import threading
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
)
from django.core.exceptions import ValidationError

PASSWORD_MAX_LENGTH = 256
# What the names of the hashes begin with that are only accepted, never made: `bcrypt` and `bcrypt_sha256`.
IMPORTED = "bcrypt"
# bcrypt reads no further; what the library once cut off in silence is an error today.
_BCRYPT_MAX_BYTES = 72

# A hash lets go of the interpreter's lock, so hashes could fill every core while the event loop waits for one of them.
# Half of the cores go on answering calls; who signs in meanwhile waits in a thread of Django's, for milliseconds.
SLOTS = max(1, (os.cpu_count() or 2) // 2)
_slots = threading.BoundedSemaphore(SLOTS)
# Shorter parts of a name or an address, such as `api` or `www`, are in too many words.
_SHORTEST_WORD = 4


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id (19 MiB, two passes, one lane), about 20 ms. https://cheatsheetseries.owasp.org (Password Storage)"""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Hash a password when a slot is free."""
        with _slots:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Compare a password with its hash when a slot is free."""
        with _slots:
            return super().verify(password, encoded)


class BCryptSHA256Hasher(BCryptSHA256PasswordHasher):
    """Django's bcrypt over SHA-256, which has no longest password."""

    def encode(self, password: str, salt: Any) -> str:
        """Hash a password when a slot is free; `verify` comes this way, too."""
        with _slots:
            return super().encode(password, salt)


class BCryptHasher(BCryptPasswordHasher):
    """Plain bcrypt. A password beyond its 72 bytes matches nothing, so that no two long ones are taken for each other."""

    def encode(self, password: str, salt: Any) -> str:
        """Hash a password when a slot is free; `verify` comes this way, too."""
        with _slots:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Compare a password with its hash; one that is too long costs the same time."""
        whole = password.encode()
        is_right = super().verify(whole[:_BCRYPT_MAX_BYTES].decode(errors="ignore"), encoded)
        return is_right and len(whole) <= _BCRYPT_MAX_BYTES

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Spend the time that a hash of today would have taken."""
        whole = password.encode()[:_BCRYPT_MAX_BYTES]
        super().harden_runtime(whole.decode(errors="ignore"), encoded)


class MaximumLengthValidator:
    """Refuses passwords that are longer than anybody types, since every hash of one costs us time."""

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError for a password of more than 256 characters."""
        if len(password) > PASSWORD_MAX_LENGTH:
            message = f"This password is too long. It may have {PASSWORD_MAX_LENGTH} characters."
            raise ValidationError(message, code="password_too_long")

    def get_help_text(self) -> str:
        """Say the limit."""
        return f"Your password may have {PASSWORD_MAX_LENGTH} characters."


class ContextWordsValidator:
    """Refuses passwords that owe their length to words which anybody would try here; docs/security.md lists them.

    A sentence may well hold one of the words: what is left without them has to be long enough.
    """

    _COMMON = ("tollgate", "password", "administrator", "welcome")
    _LEAST_LEFT = 10

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError for a password that is too short without the words of this place."""
        left = _without(password.casefold(), self.words())
        if left != password.casefold() and len(left) < self._LEAST_LEFT:
            message = "This password is made of words that anybody would try here."
            raise ValidationError(message, code="password_of_context_words")

    def words(self) -> set[str]:
        """Return the words: ours, the product's name, and the parts of the address where it is found."""
        host = urlsplit(settings.PUBLIC_URL).hostname or ""
        parts = {*settings.PRODUCT_NAME.split(), *host.split("."), *self._COMMON}
        return {part.casefold() for part in parts if len(part) >= _SHORTEST_WORD}

    def get_help_text(self) -> str:
        """Say what is refused."""
        return "Your password cannot consist of the product's or the site's name."


def _without(text: str, words: set[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    return text
