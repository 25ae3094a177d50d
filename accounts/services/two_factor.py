"""Turning two-factor authentication on and off. Whatever changes is mailed, and ends what was opened with less."""

from datetime import datetime

from django.db import transaction

from accounts import totp
from accounts.models import TotpDevice, User
from accounts.services import (
    alerts,
    devices,
    factors,
    locks,
    passkeys,
    proof,
    recovery_codes,
    registration,
    sessions,
)
from accounts.services.factors import InvalidCode
from accounts.services.passkeys import LastFactor
from accounts.signals import (
    RecoveryCodesReplaced,
    TwoFactorDisabled,
    TwoFactorEnabled,
    TwoFactorRemoved,
)
from accounts.totp import Enrolment
from config.common import changes, reasons
from config.common.errors import Conflict
from config.common.events import publish


class TwoFactorIsOn(Conflict):
    """An authenticator app is set up already."""

    code = "two_factor_is_on"
    title = "Two-factor authentication is on"
    fix = "Turn it off first if another app is to take its place."
    answered_by = ("auth_two_factor_enable", "auth_two_factor_verify")


class TwoFactorIsOff(Conflict):
    """There is no authenticator app that is, or waits to be, set up."""

    code = "two_factor_is_off"
    title = "Two-factor authentication is off"
    fix = "Set an authenticator app up first."
    answered_by = (
        "auth_two_factor_disable",
        "auth_two_factor_recovery_codes",
        "auth_two_factor_verify",
    )


@transaction.atomic
def enable(*, user: User) -> Enrolment:
    """Begin to set an authenticator app up and return what it needs; it counts once a code confirms it.

    A set-up that was begun before and never confirmed is thrown away. Only who has proved the address gets one: a
    stranger who registered it would keep its owner out for good, since a new password skips no second factor. Raises
    EmailNotVerified and TwoFactorIsOn.
    """
    owner = locks.person(user.pk)
    registration.require_verified(owner)
    apps = TotpDevice.objects.filter(user=owner)
    if apps.filter(confirmed=True).exists():
        raise TwoFactorIsOn
    apps.delete()
    device = TotpDevice(
        user=owner, name="Authenticator app", confirmed=False, seed_encrypted=totp.new_seed()
    )
    device.save(force_insert=True)
    return totp.enrolment_of(device)


def enrolment_of(user: User) -> Enrolment | None:
    """Return what the app needs that is being set up, if one is; once it is confirmed nobody sees it again."""
    device = TotpDevice.objects.filter(user_id=user.pk, confirmed=False).first()
    return totp.enrolment_of(device) if device is not None else None


def confirm(*, user: User, session_id: int | None, code: str, at: datetime) -> list[str]:
    """Turn two-factor authentication on with a first code and return the recovery codes, which are shown this once.

    The session counts as one that gave its second factor; others end. Raises InvalidCode, TwoFactorIsOn,
    TwoFactorIsOff, TooManyRequests while codes are not looked at, and Unauthenticated when the session was ended.
    """
    codes = _confirm(user, session_id, code, at=at)
    if codes is None:
        # Raised outside the transaction, so that the failure stays counted.
        raise InvalidCode
    return codes


@transaction.atomic
def _confirm(user: User, session_id: int | None, code: str, *, at: datetime) -> list[str] | None:
    owner = locks.person(user.pk)
    device = TotpDevice.objects.filter(user=owner).first()
    if device is None:
        raise TwoFactorIsOff
    if device.confirmed:
        raise TwoFactorIsOn
    sessions.hold_open(user=owner, keep=session_id)
    if not factors.check_first_code(device=device, code=code, at=at):
        return None
    TotpDevice.objects.filter(pk=device.pk).update(confirmed=True)
    codes = recovery_codes.replace(user=owner)
    if session_id is not None:
        user.sessions.filter(pk=session_id, ended_at=None).update(
            second_factor_at=at, authenticated_at=at, updated_at=at
        )
    devices.end_trust(user=owner)
    sessions.end_others(user=owner, keep=session_id, reason="two_factor_enabled")
    publish(TwoFactorEnabled(user_id=owner.pk), **changes.of(has_authenticator_app=(False, True)))
    alerts.send("accounts/two_factor_enabled", to=owner)
    return codes


def disable(*, user: User, session_id: int | None, password: str, code: str, at: datetime) -> None:
    """Take the authenticator app away from a person who gives the password and a code; other sessions end.

    The recovery codes go with it, unless a passkey stays. Raises TwoFactorIsOff, LastFactor, WrongPassword,
    InvalidCode, TooManyRequests while either is paused, and Unauthenticated when the session was ended.
    """
    _require_app(user)
    _require_another(user)
    proof.require_password(user=user, password=password, at=at)
    if not _disable(user, session_id, code, at=at):
        raise InvalidCode


def _require_app(user: User) -> None:
    if not TotpDevice.objects.filter(user_id=user.pk, confirmed=True).exists():
        raise TwoFactorIsOff


def _require_another(user: User) -> None:
    if user.is_staff and not user.passkeys.exists():
        raise LastFactor


def _require_factor(user: User) -> None:
    if not factors.has_second_factor(user):
        raise TwoFactorIsOff


@transaction.atomic
def _disable(user: User, session_id: int | None, code: str, *, at: datetime) -> bool:
    owner = locks.person(user.pk)
    _require_app(owner)
    # Whoever takes a factor away holds the person's row: of two last ones, taken at once, one stays.
    _require_another(owner)
    sessions.hold_open(user=owner, keep=session_id)
    if factors.check_code(user=owner, code=code, at=at) is None:
        return False
    _take_app(owner)
    sessions.end_others(user=owner, keep=session_id, reason="two_factor_disabled")
    publish(TwoFactorDisabled(user_id=owner.pk), **changes.of(has_authenticator_app=(True, False)))
    alerts.send("accounts/two_factor_disabled", to=owner)
    return True


def _take_app(owner: User) -> None:
    TotpDevice.objects.filter(user=owner).delete()
    if not factors.has_second_factor(owner):
        owner.recovery_codes.all().delete()
    devices.end_trust(user=owner)


def replace_recovery_codes(*, user: User, password: str, code: str, at: datetime) -> list[str]:
    """Give ten new recovery codes to a person who gives the password and a code; the old ones are worth nothing.

    Raises as `disable` does.
    """
    _require_factor(user)
    proof.require_password(user=user, password=password, at=at)
    codes = _replace_recovery_codes(user, code, at=at)
    if codes is None:
        raise InvalidCode
    return codes


@transaction.atomic
def _replace_recovery_codes(user: User, code: str, *, at: datetime) -> list[str] | None:
    owner = locks.person(user.pk)
    _require_factor(owner)
    sessions.hold_open(user=owner, keep=user.session_id)
    if factors.check_code(user=owner, code=code, at=at) is None:
        return None
    codes = recovery_codes.replace(user=owner)
    publish(RecoveryCodesReplaced(user_id=owner.pk), **changes.of_secret("recovery_codes"))
    alerts.send("accounts/recovery_codes_replaced", to=owner)
    return codes


@transaction.atomic
def reset(*, user: User, reason: str) -> bool:
    """Take every second factor from a person who lost theirs; return whether there was one.

    Every session ends. Whoever does this has made sure by other means who asks. Raises InvalidInput without a reason.
    """
    reasons.require(reason)
    owner = locks.person(user.pk)
    if not factors.has_second_factor(owner):
        return False
    sessions.lock_open(user=owner)
    passkeys.remove_all(user=owner)
    _take_app(owner)
    sessions.end_all(user=owner, reason="two_factor_removed")
    publish(
        TwoFactorRemoved(user_id=owner.pk, reason=reason),
        **changes.of(has_second_factor=(True, False)),
    )
    alerts.send("accounts/two_factor_removed", to=owner)
    return True
