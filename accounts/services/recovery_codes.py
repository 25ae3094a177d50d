"""Ten codes for the day on which the telephone is lost: shown once, kept as digests, each good once."""

import secrets
from datetime import datetime

from django.db import transaction

from accounts.models import RecoveryCode, User
from accounts.services import alerts
from accounts.signals import RecoveryCodeUsed
from config.common import changes, context, crypto
from config.common.events import publish

COUNT = 10
# 125 random bits in five groups: as strong as a key, so that a plain digest may keep it. Without i, l, o and u, which
# look like something else.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_GROUPS, _GROUP_LENGTH = 5, 5
_AS_MEANT = str.maketrans({"i": "1", "l": "1", "o": "0", "-": None, " ": None})


@transaction.atomic
def replace(*, user: User) -> list[str]:
    """Give a person ten new codes and return them; the old ones are worth nothing any more."""
    user.recovery_codes.all().delete()
    codes = [_new_code() for _ in range(COUNT)]
    RecoveryCode.objects.bulk_create(
        [RecoveryCode(user=user, digest=_digest(code)) for code in codes]
    )
    return codes


@transaction.atomic
def use(*, user: User, code: str, at: datetime) -> bool:
    """Use a code up and return whether it was good. One conditional UPDATE decides who of many is first."""
    unused = RecoveryCode.objects.filter(user_id=user.pk, used_at=None)
    if unused.filter(digest=_digest(code)).update(used_at=at) != 1:
        return False
    left = unused.count()
    alerts.send("accounts/recovery_code_used", to=user, left=left)
    with context.acting(user.as_actor()):
        publish(
            RecoveryCodeUsed(user_id=user.pk, left=left),
            **changes.of(recovery_codes_left=(left + 1, left)),
        )
    return True


def left_of(user: User) -> int:
    """Return how many codes a person has left."""
    return RecoveryCode.objects.filter(user_id=user.pk, used_at=None).count()


def _new_code() -> str:
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def _digest(code: str) -> bytes:
    """Return the digest of a code however it was typed: in capitals, with blanks, an O for a zero."""
    return crypto.digest(code.lower().translate(_AS_MEANT))
