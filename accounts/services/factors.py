"""What a person can prove besides the password, and checking one code: locked, counted over every door, good once."""

from datetime import datetime

from django.db import transaction

from accounts import selectors, totp
from accounts.models import Passkey, RecoveryCode, Session, TotpDevice, User
from accounts.services import pace, recovery_codes
from accounts.signals import CodeRefused
from config.common.errors import DomainError, FieldError, TooManyRequests, wait_until
from config.common.events import publish


class InvalidCode(DomainError):
    """The code is wrong, too old, or was used before."""

    code = "invalid_code"
    title = "The code is not right"
    fix = "Give the code that the app shows now, or a recovery code that was not used yet."
    answered_by = (
        "auth_two_factor_verify",
        "auth_two_factor_disable",
        "auth_two_factor_recovery_codes",
        "auth_reauthenticate",
    )

    def __init__(self) -> None:
        at_fault = FieldError(
            pointer="#/code",
            code="invalid_code",
            message="This code is wrong, too old, or was used before.",
            fix="Wait for the next code of the app, or give a recovery code.",
        )
        super().__init__(errors=[at_fault])


def has_second_factor(user: User) -> bool:
    """Whether a password alone is not enough for a person."""
    return (
        TotpDevice.objects.filter(user_id=user.pk, confirmed=True).exists()
        or Passkey.objects.filter(user_id=user.pk).exists()
    )


def second_factors(user: User) -> list[str]:
    """Return what a person can give as a second factor, the usual ones first."""
    has_app = TotpDevice.objects.filter(user_id=user.pk, confirmed=True).exists()
    has_codes = RecoveryCode.objects.filter(user_id=user.pk, used_at=None).exists()
    has_passkey = Passkey.objects.filter(user_id=user.pk).exists()
    kinds = {"totp": has_app, "passkey": has_passkey, "recovery_code": has_codes}
    return [kind for kind, is_there in kinds.items() if is_there]


def require_code(*, user: User, code: str, at: datetime) -> Session.Method:
    """Use up a code of the person's app or a recovery code and say which it was.

    Raises InvalidCode, and TooManyRequests while codes are not looked at. A failure stays counted: call this outside
    of a transaction, or use `check_code` and raise after it is committed.
    """
    method = check_code(user=user, code=code, at=at)
    if method is None:
        raise InvalidCode
    return method


@transaction.atomic
def check_code(*, user: User, code: str, at: datetime) -> Session.Method | None:
    """Use up a code and say which kind it was; a wrong one is counted and answers None.

    Of simultaneous checks for one person each waits for the one before, so that no code is good twice and no wrong one
    goes uncounted. Only codes are paused by wrong codes: the password, other sessions and keys go on working.
    """
    counted = pace.subject("code", str(user.pk))
    pace.serialize(counted)
    _require_open(counted, at=at)
    method = _matched(user, code.replace(" ", ""), at=at)
    if method is None:
        _record_failure(counted, user, at=at)
    return method


def _matched(user: User, code: str, *, at: datetime) -> Session.Method | None:
    device = TotpDevice.objects.filter(user_id=user.pk, confirmed=True).first()
    if device is not None and totp.looks_like_code(code):
        return Session.Method.TOTP if totp.accepts(device, code) else None
    return Session.Method.RECOVERY_CODE if recovery_codes.use(user=user, code=code, at=at) else None


def check_first_code(*, device: TotpDevice, code: str, at: datetime) -> bool:
    """Use up the code that turns an app on; the caller holds the person's row. Raises TooManyRequests."""
    counted = pace.subject("code", str(device.user_id))
    pace.serialize(counted)
    _require_open(counted, at=at)
    is_right = totp.accepts(device, code.replace(" ", ""))
    if not is_right:
        _record_failure(counted, device.user, at=at)
    return is_right


def _require_open(counted: str, *, at: datetime) -> None:
    until = selectors.lock_of((counted,), at=at)
    if until is not None:
        raise TooManyRequests(
            "Codes are not looked at for a while after too many wrong ones.",
            headers=wait_until(until, at=at),
        )


def _record_failure(counted: str, user: User, *, at: datetime) -> None:
    publish(CodeRefused(user_id=user.pk))
    pace.record_failure(counted, user_id=user.pk, at=at)
