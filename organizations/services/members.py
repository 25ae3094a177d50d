"""Who belongs to an organization.

The organization's row is locked for every change, so that changes come one after the other; and a trigger insists that
the last owner stays.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import User, UserStatus
from accounts.services import locks, notices
from config.common import changes
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from organizations import access
from organizations.access import Tenant
from organizations.models import CustomRole, Organization, OrganizationMember, Role
from organizations.roles import Permission
from organizations.services import custom_roles
from organizations.services.custom_roles import Standing
from organizations.signals import MemberAdded, MemberRemoved, OwnershipTransferred


class LastOwner(Conflict):
    """An organization has at least one owner at all times, who is not suspended."""

    code = "last_owner"
    title = "The last owner cannot go"
    fix = "Make another member an owner first."


class SeatLimitReached(Conflict):
    """The plan allows no further member."""

    code = "seat_limit_reached"
    title = "No seat is left"
    fix = "Remove a member, or choose a plan with more seats."
    members = {"limit": ("How many there may be.", 10)}


class OwnerMustBeActive(Conflict):
    """An organization is owned by people who can act: nobody becomes an owner while their account is suspended."""

    code = "owner_must_be_active"
    title = "The account is suspended"
    fix = "Choose another member, or wait until the account is let in again."
    answered_by = ("organizations_members_update", "organizations_transfer_ownership")


class AlreadyMember(Conflict):
    """The person belongs to the organization already."""

    code = "already_member"
    title = "Already a member"
    fix = "Change the member's role instead."


@transaction.atomic
def add_member(
    *, organization: Organization, user: User, role: str, custom_role: CustomRole | None = None
) -> OrganizationMember:
    """Make a person a member; seats are counted under a lock.

    Raises AlreadyMember, SeatLimitReached, OwnerMustBeActive or OrganizationIsClosed.
    """
    if role == Role.OWNER:
        # The person's row comes first, as for who erases an account.
        _require_active(locks.person(user.pk))
    locked = access.lock_open(organization.pk)
    if locked.members.filter(user=user).exists():
        raise AlreadyMember
    if locked.seat_limit is not None and locked.members.count() >= locked.seat_limit:
        raise SeatLimitReached(
            f"The plan's limit of members, {locked.seat_limit}, is reached.",
            limit=locked.seat_limit,
        )
    member = locked.members.create(user=user, role=role, custom_role=custom_role)
    publish(
        MemberAdded(organization_id=locked.pk, user_id=user.pk, role=role),
        after=changes.told(member, ("user", "role", "custom_role")),
    )
    return member


@transaction.atomic
def change_role(
    *, tenant: Tenant, user_id: int, role: str | None = None, custom_role_id: int | None = None
) -> OrganizationMember:
    """Give a member a built-in role or a custom one; it holds for their next request.

    Only owners make or unmake owners, and nobody gives, or touches who has, more than they have themselves. Raises
    NotFound, InvalidInput, Forbidden, LastOwner or OwnerMustBeActive.
    """
    if role == Role.OWNER:
        _hold_both(tenant, user_id)
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    member = _member(tenant, user_id)
    before = custom_roles.standing_of(member)
    after = custom_roles.standing(tenant, role=role, custom_role_id=custom_role_id)
    if Role.OWNER in {before.role, after.role}:
        tenant.require(Permission.OWNERS_WRITE)
    tenant.require_all(access.held_by(member) | after.permissions)
    if before == after:
        return member
    if after.role == Role.OWNER:
        _require_active(member.user)
    _require_another_owner(member)
    custom_roles.give(member, after)
    return member


@transaction.atomic
def remove_member(*, tenant: Tenant, user_id: int) -> None:
    """Remove a member, or leave; what was granted to them on single objects goes with them.

    Only owners remove owners, and nobody removes who has more than they have. Raises NotFound, Forbidden or LastOwner.
    """
    if tenant.user is not None and tenant.user.pk == user_id:
        leave(user=tenant.user, organization_id=tenant.organization.pk)
        return
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    member = _member(tenant, user_id)
    tenant.require_all(access.held_by(member))
    _part(member)


@transaction.atomic
def leave(*, user: User, organization_id: int) -> Organization:
    """End one's own membership and return what one has left; the security policy, which may keep one out, holds nobody in.

    Raises NotFound or LastOwner.
    """
    tenant = access.tenant_of(user, organization_id, is_leaving=True)
    access.lock(organization_id)
    _part(_member(tenant, user.pk))
    return tenant.organization


def _part(member: OrganizationMember) -> None:
    _require_another_owner(member)
    delete(member)


def delete(member: OrganizationMember) -> None:
    """End a membership, whoever is left; the caller holds the organization's lock."""
    member.delete()
    publish(
        MemberRemoved(
            organization_id=member.organization_id, user_id=member.user_id, role=member.role
        ),
        before=changes.told(member, ("user", "role")),
    )


@transaction.atomic
def transfer_ownership(*, tenant: Tenant, user_id: int) -> OrganizationMember:
    """Make another member an owner and the caller an admin, both or neither.

    Raises NotFound, Forbidden, OwnerMustBeActive or Conflict.
    """
    _hold_both(tenant, user_id)
    tenant = access.locked(tenant)
    tenant.require(Permission.OWNERS_WRITE)
    # A custom role may hold the permission, but whoever hands over becomes an admin, which is more than it may hold.
    tenant.require_all(Standing(Role.OWNER).permissions)
    heir = _member(tenant, user_id)
    if tenant.user is None or tenant.user.pk == user_id:
        raise Conflict("An owner hands the organization to somebody else.")
    _require_active(heir.user)
    custom_roles.give(heir, Standing(Role.OWNER))
    custom_roles.give(_member(tenant, tenant.user.pk), Standing(Role.ADMIN))
    publish(
        OwnershipTransferred(
            organization_id=tenant.organization.pk, from_user_id=tenant.user.pk, to_user_id=user_id
        ),
        **changes.of(owner_id=(tenant.user.pk, user_id)),
    )
    notices.notify(
        users=[heir.user_id],
        kind="organization.ownership_transferred",
        title=f"{tenant.organization.name} is yours now",
        body=f"{tenant.user} has made you its owner.",
        link="/team/",
    )
    return heir


def _member(tenant: Tenant, user_id: int) -> OrganizationMember:
    rows = access.memberships().filter(organization=tenant.organization, user_id=user_id)
    member = rows.select_related("user").first()
    if member is None:
        raise NotFound
    return member


def _hold_both(tenant: Tenant, user_id: int) -> None:
    """Lock whoever acts and the member who is to become an owner, in one order, before the organization.

    Neither is suspended, nor erased, until what they do here is done.
    """
    ids = {user_id} if tenant.user is None else {user_id, tenant.user.pk}
    places = OrganizationMember.objects.filter(organization_id=tenant.organization.pk)
    people = User.objects.filter(Exists(places.filter(user=OuterRef("pk"))), pk__in=ids)
    list(people.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _require_active(heir: User) -> None:
    if not heir.is_active:
        raise OwnerMustBeActive


def _require_another_owner(member: OrganizationMember) -> None:
    """Raise LastOwner for an owner without whom nobody is left who can act as one."""
    if member.role != Role.OWNER:
        return
    owners = OrganizationMember.objects.filter(
        organization_id=member.organization_id, role=Role.OWNER
    )
    if member.user.is_active:
        owners = owners.filter(user__status=UserStatus.ACTIVE)
    if not owners.exclude(pk=member.pk).exists():
        raise LastOwner
