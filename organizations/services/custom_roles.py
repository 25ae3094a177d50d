"""Roles that an organization makes itself. Nobody puts more into one than they have, or touches one that holds more."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from django.db import transaction
from django.db.models import Q

from config.common import changes, names
from config.common.errors import Conflict, InvalidInput, NotFound
from config.common.events import publish
from organizations import access
from organizations.access import Tenant
from organizations.models import CustomRole, OrganizationInvitation, OrganizationMember, Role
from organizations.roles import GRANTS, Permission, RoleName, known
from organizations.signals import (
    CustomRoleCreated,
    CustomRoleDeleted,
    CustomRoleUpdated,
    MemberRoleChanged,
)

MAX_ROLES = 50


class RoleNameTaken(Conflict):
    """Another role of the organization, or a built-in one, has this name."""

    code = "role_name_taken"
    title = "The name is taken"
    fix = "Choose another name; capital letters make no difference."


class RoleLimitReached(Conflict):
    """An organization has a limited number of custom roles."""

    code = "role_limit_reached"
    title = "No further role is allowed"
    fix = "Delete a role that is no longer needed."
    members = {"limit": ("How many there may be.", 50)}


class RoleInUse(Conflict):
    """Members hold the role, or invitations offer it."""

    code = "role_in_use"
    title = "The role is in use"
    fix = "Name the role that its holders are to have instead."
    members = {"holders": ("How many members hold it.", 3)}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is, or is to be: a built-in role, or a custom one under the lowest rank."""

    role: str
    custom_role: CustomRole | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it permits."""
        return GRANTS[RoleName(self.role)] if self.custom_role is None else self.custom_role.grants

    def told(self) -> dict[str, str | int]:
        """Return how events tell it."""
        told: dict[str, str | int] = {"role": str(self.role)}
        if self.custom_role is not None:
            told["custom_role_id"] = self.custom_role.pk
        return told


def standing_of(row: OrganizationMember | OrganizationInvitation) -> Standing:
    """Return what a member is, or an invitation offers."""
    return Standing(row.role, row.custom_role)


def standing(tenant: Tenant, *, role: str | None, custom_role_id: int | None) -> Standing:
    """Return the standing that is asked for, by a built-in role or by a custom one. Raises InvalidInput."""
    if (role is None) == (custom_role_id is None):
        _refuse("#/role", "either", "Give either a built-in role or a custom role.")
    if custom_role_id is None:
        return Standing(str(role))
    found = tenant.organization.custom_roles.filter(pk=custom_role_id).first()
    if found is None:
        _refuse("#/custom_role_id", "unknown", "The organization has no such role.")
    return Standing(Role.VIEWER, found)


def give(member: OrganizationMember, after: Standing) -> None:
    """Put a member into another standing and tell it; the caller holds the organization's lock."""
    before = standing_of(member)
    if before == after:
        return
    member.role, member.custom_role = after.role, after.custom_role
    member.save(update_fields=["role", "custom_role", "updated_at"])
    publish(
        MemberRoleChanged(
            organization_id=member.organization_id,
            user_id=member.user_id,
            before=before.told(),
            after=after.told(),
        )
    )


@transaction.atomic
def create_role(
    *, tenant: Tenant, name: str, permissions: Iterable[str], description: str = ""
) -> CustomRole:
    """Make a role. Raises Forbidden for more than the caller has, InvalidInput, RoleNameTaken or RoleLimitReached."""
    tenant = access.locked(tenant)
    tenant.require(Permission.ROLES_WRITE)
    wanted = _checked(permissions)
    tenant.require_all(wanted)
    roles = tenant.organization.custom_roles
    if roles.count() >= MAX_ROLES:
        raise RoleLimitReached(f"An organization has at most {MAX_ROLES} roles.", limit=MAX_ROLES)
    role = roles.create(
        name=_free_name(tenant, name), description=description, permissions=sorted(wanted)
    )
    publish(
        CustomRoleCreated(
            organization_id=tenant.organization.pk,
            role_id=role.pk,
            role_name=role.name,
            permissions=role.permissions,
        ),
        after=changes.told(role),
    )
    return role


@transaction.atomic
def update_role(
    *,
    tenant: Tenant,
    role_id: int,
    name: str | None = None,
    description: str | None = None,
    permissions: Iterable[str] | None = None,
) -> CustomRole:
    """Change a role; whoever holds it has the new permissions with their next request.

    The caller needs everything that the role holds, before and after. Raises what `create_role` raises, and NotFound.
    """
    tenant = access.locked(tenant)
    tenant.require(Permission.ROLES_WRITE)
    role = _role(tenant, role_id)
    wanted = {
        "name": role.name if name is None else _free_name(tenant, name, besides=role),
        "description": role.description if description is None else description,
        "permissions": sorted(role.grants if permissions is None else _checked(permissions)),
    }
    tenant.require_all(role.grants | known(wanted["permissions"]))
    before, after = changes.assign(role, wanted)
    if not after:
        return role
    role.save(update_fields=[*after, "updated_at"])
    publish(
        CustomRoleUpdated(
            organization_id=tenant.organization.pk,
            role_id=role.pk,
            role_name=role.name,
            before=before,
            after=after,
        )
    )
    return role


@transaction.atomic
def delete_role(
    *,
    tenant: Tenant,
    role_id: int,
    replacement: str | None = None,
    replacement_id: int | None = None,
) -> None:
    """Delete a role; its holders, and who is invited to it, get the replacement in the same moment.

    Raises NotFound, Forbidden, and RoleInUse when there are holders and no replacement.
    """
    tenant = access.locked(tenant)
    tenant.require(Permission.ROLES_WRITE)
    role = _role(tenant, role_id)
    tenant.require_all(role.grants)
    holders = list(role.members.select_related("custom_role").order_by("pk"))
    if holders or role.invitations.exists():
        _replace(tenant, role, holders, replacement, replacement_id)
    publish(
        CustomRoleDeleted(
            organization_id=tenant.organization.pk, role_id=role.pk, role_name=role.name
        ),
        before=changes.told(role),
    )
    role.delete()


def _replace(
    tenant: Tenant,
    role: CustomRole,
    holders: list[OrganizationMember],
    replacement: str | None,
    replacement_id: int | None,
) -> None:
    waiting = role.invitations.filter(status=OrganizationInvitation.Status.PENDING)
    is_needed = bool(holders) or waiting.exists()
    if is_needed and replacement is None and replacement_id is None:
        raise RoleInUse(f"{len(holders)} members hold the role.", holders=len(holders))
    # Invitations that were answered say what was offered as far as that still exists.
    after = Standing(Role.VIEWER)
    if is_needed:
        others = tenant.organization.custom_roles.exclude(pk=role.pk)
        if replacement_id is not None and not others.filter(pk=replacement_id).exists():
            _refuse("#/replacement_id", "unknown", "The organization has no such other role.")
        after = standing(tenant, role=replacement, custom_role_id=replacement_id)
        tenant.require(Permission.MEMBERS_WRITE)
        tenant.require_all(after.permissions)
    for member in holders:
        give(member, after)
    waiting.update(role=after.role, custom_role=after.custom_role)
    role.invitations.update(custom_role=None)


def _role(tenant: Tenant, role_id: int) -> CustomRole:
    role = tenant.organization.custom_roles.select_for_update().filter(pk=role_id).first()
    if role is None:
        raise NotFound
    return role


def _free_name(tenant: Tenant, name: str, *, besides: CustomRole | None = None) -> str:
    clean = name.strip()
    if not clean or len(clean) > 60:
        _refuse("#/name", "name", "A role needs a name of at most 60 characters.")
    names.require_readable(clean)
    taken = tenant.organization.custom_roles.filter(Q(name__iexact=clean))
    if besides is not None:
        taken = taken.exclude(pk=besides.pk)
    if clean.upper() in Role.values or taken.exists():
        raise RoleNameTaken(f"There is a role called {clean} already.")
    return clean


def _checked(permissions: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions, and the one without which nobody finds their way in. Raises InvalidInput."""
    given = list(permissions)
    wanted = known(given)
    for index, text in enumerate(given):
        if text not in {one.value for one in wanted}:
            _refuse(f"#/permissions/{index}", "permission", "There is no such permission.")
    return wanted | {Permission.ORGANIZATION_READ}


def _refuse(pointer: str, code: str, message: str) -> NoReturn:
    raise InvalidInput.at(pointer, code=code, message=message)
