"""Stopping an account, for good or until a day, and letting it in again."""

from datetime import datetime

from django.db import transaction

from accounts.models import PlatformRole, User, UserStatus
from accounts.services import locks, sessions
from accounts.signals import UserReinstated, UserSuspended
from config.common import changes, reasons, timestamps
from config.common.errors import Conflict, InvalidInput
from config.common.events import publish


class CannotSuspend(Conflict):
    """The account is not active, is a super admin's, or is your own."""

    code = "cannot_suspend"
    title = "The account cannot be suspended"
    fix = "Look at the account's status; a super admin has to be given another role first, by somebody else."
    answered_by = ("admin_users_suspend",)


class NotSuspended(Conflict):
    """The account is not suspended."""

    code = "not_suspended"
    title = "The account is not suspended"
    fix = "Look at the account's status: there is nothing to lift."
    answered_by = ("admin_users_reinstate",)


@transaction.atomic
def suspend(
    *,
    user: User,
    reason: str,
    until: datetime | None = None,
    by: User | None = None,
    at: datetime | None = None,
) -> User:
    """Stop an account: its sessions end and its keys stop within two seconds. Raises CannotSuspend and InvalidInput.

    With `until`, a job lifts the suspension then. Nobody suspends themself.
    """
    reasons.require(reason)
    _require_ahead(until, at)
    locked = locks.person(user.pk)
    is_own = by is not None and by.pk == locked.pk
    if is_own or locked.status != UserStatus.ACTIVE or locked.role == PlatformRole.SUPER_ADMIN:
        raise CannotSuspend
    before = changes.snapshot(locked)
    locked.status = UserStatus.SUSPENDED
    locked.suspended_reason, locked.suspended_until = reason, until
    _save(locked)
    sessions.end_all(user=locked, reason="suspended")
    ends = until.isoformat() if until else None
    publish(
        UserSuspended(user_id=user.pk, reason=reason, until=ends),
        **changes.since(before, locked),
    )
    return locked


@transaction.atomic
def reinstate(*, user: User) -> None:
    """Let a suspended account in again. Raises NotSuspended."""
    locked = locks.person(user.pk)
    if locked.status != UserStatus.SUSPENDED:
        raise NotSuspended
    _lift(locked)


def lift_due(*, at: datetime) -> int:
    """Let in again whose suspension is over, each in a transaction of its own; return how many."""
    due = User.objects.filter(suspended_until__lte=at).order_by("suspended_until", "pk")
    return sum(_lift_due(pk, at=at) for pk in due.values_list("pk", flat=True)[:1000])


@transaction.atomic
def _lift_due(user_id: int, *, at: datetime) -> bool:
    rows = User.objects.select_for_update(no_key=True).filter(pk=user_id, suspended_until__lte=at)
    user = rows.first()
    if user is None:
        return False
    _lift(user)
    return True


def _lift(user: User) -> None:
    before = changes.snapshot(user)
    user.status = UserStatus.ACTIVE
    user.suspended_reason, user.suspended_until = "", None
    _save(user)
    publish(UserReinstated(user_id=user.pk), **changes.since(before, user))


def _require_ahead(until: datetime | None, at: datetime | None) -> None:
    if until is not None and at is not None and until <= at:
        raise InvalidInput.at(
            "#/until",
            code="past",
            message="A suspension ends in the future.",
            fix="Give a later time, or none.",
        )
    if until is not None and until >= timestamps.LATEST:
        raise InvalidInput.at(
            "#/until",
            code="too_late",
            message=f"A suspension ends before the year {timestamps.LATEST.year}.",
            fix="Give no time for one that staff lifts.",
        )


def _save(user: User) -> None:
    user.save(update_fields=["status", "suspended_reason", "suspended_until", "updated_at"])
