"""People for tests. Their password is hashed once per session, since hashing is slow on purpose."""

import secrets
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from django.contrib.auth.hashers import make_password
from factory.declarations import LazyFunction, Sequence
from factory.django import DjangoModelFactory

from accounts.models import Passkey, User

PASSWORD = "four unrelated quiet words"


@cache
def password_hash() -> str:
    """Return the hash of everybody's password."""
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory[User]):
    """A person with a verified address."""

    class Meta:
        model = User

    email = Sequence(lambda number: f"person{number}@example.com")
    full_name = "Some One"
    password = LazyFunction(password_hash)
    email_verified_at = datetime(2026, 1, 5, 9, 12, tzinfo=UTC)


class PasskeyFactory(DjangoModelFactory[Passkey]):
    """A row of a passkey that no device holds."""

    class Meta:
        model = Passkey

    name = Sequence(lambda number: f"Passkey {number}")
    credential_id = LazyFunction(lambda: secrets.token_bytes(16))
    public_key = b"nobody's"
    aaguid = UUID(int=0)
