"""Random numbers for authenticators to sign: each for one purpose, one person if known, five minutes, and once."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import PasskeyChallenge, User

LIFETIME = timedelta(minutes=5)
_BYTES = 32


@transaction.atomic
def issue(*, purpose: PasskeyChallenge.Purpose, user: User | None, at: datetime) -> bytes:
    """Return a new challenge; without a person it is good for whoever signs it."""
    challenge = secrets.token_bytes(_BYTES)
    PasskeyChallenge.objects.create(
        user=user, purpose=purpose, challenge=challenge, expires_at=at + LIFETIME
    )
    return challenge


@transaction.atomic
def redeem(
    *, challenge: bytes, purpose: PasskeyChallenge.Purpose, user: User | None, at: datetime
) -> bool:
    """Use a challenge up and return whether it was good. One conditional UPDATE decides who of many is first.

    It is used up whatever becomes of the signature over it.
    """
    good = PasskeyChallenge.objects.filter(
        challenge=challenge, purpose=purpose, user=user, used_at=None, expires_at__gt=at
    )
    return good.update(used_at=at) == 1
