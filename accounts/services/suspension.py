"""Stopping an account and letting it in again."""

from django.db import transaction

from accounts.models import PlatformRole, User, UserStatus
from accounts.services import sessions
from accounts.signals import UserReinstated, UserSuspended
from config.common import changes
from config.common.errors import Conflict
from config.common.events import publish


class CannotSuspend(Conflict):
    """The account is not active, or is a super admin's."""

    code = "cannot_suspend"
    title = "The account cannot be suspended"
    fix = "Look at the account's status; a super admin has to be given another role first."


@transaction.atomic
def suspend(*, user: User, reason: str) -> None:
    """Stop an account: its sessions end and its keys stop within two seconds. Raises CannotSuspend."""
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.status != UserStatus.ACTIVE or locked.role == PlatformRole.SUPER_ADMIN:
        raise CannotSuspend
    before = changes.snapshot(locked)
    locked.status = UserStatus.SUSPENDED
    locked.suspended_reason = reason
    locked.save(update_fields=["status", "suspended_reason", "updated_at"])
    sessions.end_all(user=locked, reason="suspended")
    publish(UserSuspended(user_id=user.pk, reason=reason), **changes.since(before, locked))


@transaction.atomic
def reinstate(*, user: User) -> bool:
    """Let a suspended account in again; return whether it was suspended."""
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.status != UserStatus.SUSPENDED:
        return False
    before = changes.snapshot(locked)
    locked.status = UserStatus.ACTIVE
    locked.suspended_reason = ""
    locked.save(update_fields=["status", "suspended_reason", "updated_at"])
    publish(UserReinstated(user_id=user.pk), **changes.since(before, locked))
    return True
