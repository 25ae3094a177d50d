"""Who belongs to the platform's staff, what staff may do, and what staff changes of people."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import PlatformRole, User, UserStatus
from accounts.roles import PlatformPermission
from accounts.services import locks, profile, registration
from accounts.signals import PlatformRoleChanged, StaffAccessRefused
from config.common import sightings
from config.common.errors import Conflict, DomainError, Forbidden
from config.common.events import publish


class StaffSecondFactorMissing(DomainError):
    """Staff acts only in a session that has given a second factor."""

    code = "second_factor_required"
    title = "A second factor is needed"
    status = 403
    fix = "Set up an authenticator app or a passkey, then sign in with it: `POST /api/v1/auth/2fa/verify`."


class CannotChangeRole(Conflict):
    """Nobody changes their own platform role, and the last super admin stays one."""

    code = "cannot_change_role"
    title = "The role cannot be changed"
    fix = "Have another super admin change it; make somebody else a super admin first if there is none."
    answered_by = ("admin_users_update",)


def require_permission(user: User, permission: PlatformPermission) -> None:
    """Let only staff go on whose role grants the permission, in a session that gave a second factor, as the back office does.

    Raises Forbidden, which is noted as a security event, and StaffSecondFactorMissing.
    """
    if not (user.is_staff and user.may(permission)):
        sightings.tell(
            StaffAccessRefused(user_id=user.pk, permission=permission.value),
            bucket=f"staff-refused:{user.pk}",
        )
        raise Forbidden(
            f"This needs the platform permission {permission}.",
        )
    if not user.is_verified():
        raise StaffSecondFactorMissing


def may_touch(by: User, user: User) -> bool:
    """Whether a person is not above whoever acts: only a super admin touches a super admin."""
    return user.role != PlatformRole.SUPER_ADMIN or by.role == PlatformRole.SUPER_ADMIN


def require_may_touch(by: User, user: User) -> None:
    """Raise Forbidden for whoever would act upon somebody above them."""
    if not may_touch(by, user):
        raise Forbidden("Only a super admin may change a super admin.")


@transaction.atomic
def create_admin(*, email: str, password: str, full_name: str = "") -> User:
    """Open the account of a SUPER_ADMIN. Raises InvalidInput and AddressTaken."""
    user = registration.open_account(email=email, password=password, full_name=full_name)
    # The row is ours alone until now. To lock the other super admins, as who may take a role away does, is too late: that
    # the account was opened is in the log already.
    _give(user, PlatformRole.SUPER_ADMIN)
    return user


@transaction.atomic
def update_user(*, user: User, changes: dict[str, Any], by: User, at: datetime) -> User:
    """Change what staff may change of a person: profile, a vouched address, the platform role. All of it or nothing.

    Raises Forbidden, CannotChangeRole, and Conflict for an account that was closed for good.
    """
    changes = dict(changes)
    role, vouched = changes.pop("role", user.role), changes.pop("email_verified", False)
    require_may_touch(by, user)
    if role != user.role:
        if not by.may(PlatformPermission.ROLES_WRITE):
            raise Forbidden(f"This needs the platform permission {PlatformPermission.ROLES_WRITE}.")
        change_role(user=user, role=PlatformRole(role), by=by)
    # Once more under the lock: somebody may have become a super admin meanwhile.
    locked = locks.person(user.pk)
    require_may_touch(by, locked)
    if locked.status == UserStatus.DELETED:
        raise Conflict(
            "The account was closed for good; nothing is written about its person any more."
        )
    if vouched:
        registration.confirm_email(user=user, at=at)
    profile.update_profile(user=user, changes=changes)
    return User.objects.get(pk=user.pk)


def lock_with_super_admins(user_id: int) -> dict[int, User]:
    """Lock a person's row and those of all super admins, in one order, and return them by their ids."""
    rows = User.objects.filter(Q(role=PlatformRole.SUPER_ADMIN) | Q(pk=user_id)).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(no_key=True)}


@transaction.atomic
def change_role(*, user: User, role: PlatformRole, by: User | None = None) -> bool:
    """Give a person another place on the platform's staff; return whether it is another one. Raises CannotChangeRole.

    All super admins are locked, in one order: of two who demote each other at once, the later one is none any more.
    """
    rows = lock_with_super_admins(user.pk)
    locked = rows.pop(user.pk)
    others = [one for one in rows.values() if one.role == PlatformRole.SUPER_ADMIN]
    if locked.role == role:
        return False
    if by is not None:
        _require_above(by, locked, others)
    active = [one for one in others if one.status == UserStatus.ACTIVE]
    if locked.role == PlatformRole.SUPER_ADMIN and not active:
        raise CannotChangeRole("There has to be a super admin.")
    _give(locked, role)
    return True


def _give(user: User, role: PlatformRole) -> None:
    before, user.role = user.role, role
    user.save(update_fields=["role", "updated_at"])
    publish(
        PlatformRoleChanged(user_id=user.pk, before={"role": before}, after={"role": role.value})
    )


def _require_above(by: User, user: User, other_supers: list[User]) -> None:
    if by.pk == user.pk:
        raise CannotChangeRole("Nobody changes their own role.")
    if by.pk not in {one.pk for one in other_supers}:
        raise Forbidden("You are no super admin any more.")
