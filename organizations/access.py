"""The tenancy gate: the only functions that say which organization a caller acts in and hand out its rows.

A foreign id and a missing one both raise the same NotFound.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, CharField, F, Model, OuterRef, QuerySet
from django.db.models.functions import Cast

from accounts.models import User
from accounts.services import factors, sessions
from config.common import addresses, context, jobs, ratelimit
from config.common.errors import Conflict, Forbidden, NotFound
from config.common.prepared import Given, Prepared
from config.common.ratelimit import Rate
from organizations import grantable
from organizations.models import (
    CustomRole,
    ObjectGrant,
    Organization,
    OrganizationMember,
    OrganizationStatus,
    Role,
)
from organizations.roles import GRANTS, Permission, RoleName, codename_of

RowT = TypeVar("RowT", bound=Model)

# Absent rows that one caller may ask for in a minute before nobody looks any more whose they are.
_PROBES = Rate(limit=60, per_seconds=60, burst=20)


class SecondFactorRequired(Forbidden):
    """The organization lets nobody in whose account has no second factor: set one up under Security in your account."""

    code = "organization_requires_two_factor"
    title = "The organization requires two-factor authentication"
    fix = "Turn on two-factor authentication, or add a passkey, under Security in your account; then come back."
    members = {
        "set_up_url": (
            "Where a second factor is set up.",
            "https://tollgate.example.com/security/",
        ),
        "organization_id": ("The organization that keeps you out.", 12),
        "organization_name": ("Its name.", "Acme"),
    }


class ConsoleAddressRefused(Forbidden):
    """The organization lets people in from listed addresses only, and this request comes from another."""

    code = "console_address_refused"
    title = "Not from this address"
    fix = "Connect from your organization's network, or ask one of its administrators to add your address."
    members = {
        "organization_id": ("The organization that keeps you out.", 12),
        "organization_name": ("Its name.", "Acme"),
    }


class OrganizationIsClosed(Conflict):
    """The organization is closed; that cannot be undone."""

    code = "organization_closed"
    title = "The organization is closed"
    fix = "Create another one."
    answered_by = (
        "organizations_close",
        "api_keys_create",
        "api_keys_update",
        "api_keys_rotate",
        "webhooks_create",
        "webhooks_enable",
    )


@dataclass(frozen=True, slots=True)
class Tenant:
    """The organization a request acts in, and what the caller may do there.

    A person's built-in role decides, unless `permissions` says otherwise: for a custom role, for who was granted
    something on the whole organization, and for a caller that is no person, such as an API key.
    """

    organization: Organization
    user: User | None
    role: str
    permissions: frozenset[Permission] | None = None
    custom_role: CustomRole | None = None

    @property
    def held(self) -> frozenset[Permission]:
        """Everything the caller may do in this organization."""
        return GRANTS[RoleName(self.role)] if self.permissions is None else self.permissions

    def may(self, permission: Permission) -> bool:
        """Whether the caller has the permission in this organization."""
        return permission in self.held

    def may_on(self, permission: Permission, row: Model) -> bool:
        """Whether the caller has the permission in this organization, or at least on this one of its rows."""
        return self.may(permission) or has_grant(self, permission, type(row), row.pk)

    def require(self, permission: Permission) -> None:
        """Raise Forbidden unless the caller has the permission."""
        if not self.may(permission):
            raise Forbidden(
                f"This needs the permission {permission.value}.", permission=permission.value
            )

    def require_all(self, permissions: frozenset[Permission]) -> None:
        """Raise Forbidden unless the caller has every one of the permissions: nobody hands on more than they have."""
        for permission in sorted(permissions - self.held):
            self.require(permission)


def memberships() -> QuerySet[OrganizationMember]:
    """Return the memberships of open organizations with all that says what each member may do, in one query."""
    granted = ObjectGrant.objects.filter(
        user=OuterRef("user"),
        organization=OuterRef("organization"),
        permission__content_type__app_label="organizations",
        permission__content_type__model="organization",
        object_pk=Cast(OuterRef("organization"), CharField()),
    )
    open_ones = OrganizationMember.objects.exclude(organization__status=OrganizationStatus.CLOSED)
    return open_ones.select_related("organization", "custom_role").annotate(
        granted_codenames=ArraySubquery(granted.values("permission__codename"))
    )


def as_member(member: Any, user: User) -> Tenant:
    """Return the tenant that a row of `memberships()` makes of a person."""
    return Tenant(member.organization, user, member.role, held_by(member), member.custom_role)


def held_by(member: Any) -> frozenset[Permission]:
    """Return everything that a row of `memberships()` permits: by its role, and granted on the organization as a whole."""
    given = set(member.granted_codenames)
    granted = frozenset(one for one in Permission if codename_of(one) in given)
    role: CustomRole | None = member.custom_role
    return (GRANTS[RoleName(member.role)] if role is None else role.grants) | granted


def _memberships_in_order() -> QuerySet[OrganizationMember]:
    mine = memberships().filter(user_id=Given("user_id", BigIntegerField()))
    return mine.order_by(F("selected_at").desc(nulls_last=True), "created_at", "id")


_current_membership = Prepared(_memberships_in_order)
_membership_asked_for = Prepared(
    lambda: _memberships_in_order().filter(
        organization_id=Given("organization_id", BigIntegerField())
    )
)


def tenant_of(
    user: User,
    organization_id: int | None = None,
    *,
    is_leaving: bool = False,
) -> Tenant:
    """Return the tenant a person acts in: the one asked for, else the one last selected, else the first joined.

    Raises NotFound when they are not a member of it, and what `require_welcome` raises. Asked anew on every request,
    so that a lost role is lost at once. Whoever is leaving need not be welcome.
    """
    if organization_id is None:
        member = _current_membership.first(user_id=user.pk)
    else:
        member = _membership_asked_for.first(user_id=user.pk, organization_id=organization_id)
    if member is None:
        _look_into(user, None, Organization, {"pk": organization_id})
        raise NotFound
    if not is_leaving:
        require_welcome(member.organization, user)
    return as_member(member, user)


def require_welcome(organization: Organization, user: User) -> None:
    """Raise ConsoleAddressRefused or SecondFactorRequired where the organization's security policy keeps a member out."""
    found = hindrance(organization, has_second_factor=lambda: factors.has_second_factor(user))
    if found is not None:
        raise found


def hindrance(
    organization: Organization, *, has_second_factor: Callable[[], bool]
) -> Forbidden | None:
    """Return why the security policy keeps a member out, and which organization's it is; None where it does not.

    Whether the person has a second factor is asked only where one is required.
    """
    whose: dict[str, Any] = {
        "organization_id": organization.pk,
        "organization_name": organization.name,
    }
    if not is_listed(organization.console_networks):
        return ConsoleAddressRefused(**whose)
    if organization.requires_two_factor and not has_second_factor():
        return SecondFactorRequired(set_up_url=f"{settings.PUBLIC_URL}/security/", **whose)
    return None


def is_listed(networks: list[str]) -> bool:
    """Whether the present request comes from one of the networks; an empty list names them all."""
    address = addresses.parse_address(context.current().ip or "")
    known = addresses.parse_networks(tuple(networks))
    return not networks or addresses.is_within(address, known)


def on_behalf_of(organization: Organization) -> Tenant:
    """Return the tenant in which staff and operators act: they may do what an owner may."""
    return Tenant(organization=organization, user=None, role=Role.OWNER)


def locked(tenant: Tenant) -> Tenant:
    """Lock the organization for the rest of the transaction and return the tenant as it is now.

    The caller's account and role are read again under locks: they may have been taken away since the request began.
    Raises Unauthenticated for who may not act at all any more, NotFound when the caller is no longer a member, and
    OrganizationIsClosed for staff and operators.
    """
    if tenant.user is None:
        return replace(tenant, organization=lock_open(tenant.organization.pk))
    sessions.hold_author(tenant.user)
    lock(tenant.organization.pk)
    return tenant_of(tenant.user, tenant.organization.pk)


def lock_open(organization_id: int) -> Organization:
    """Lock an organization for the rest of the transaction, so that nobody closes it meanwhile, and return it.

    Whatever changes an organization, or gives it something that works (a key, a webhook, a member, a plan), begins with
    this. Raises OrganizationIsClosed.
    """
    organization = lock(organization_id)
    if organization.status == OrganizationStatus.CLOSED:
        raise OrganizationIsClosed
    return organization


def lock_open_for(
    organization_id: int, *, by: User | None, permission: Permission, on: Model | None = None
) -> Tenant:
    """Lock an organization as `lock_open` does, for something that a person may still do, on the row if one is named.

    Returns the tenant as it is now. Nobody is asked about keys, staff and operators, for whom `by` is None. Raises what
    `locked` raises, Forbidden, and OrganizationIsClosed.
    """
    if by is None:
        return on_behalf_of(lock_open(organization_id))
    sessions.hold_author(by)
    lock_open(organization_id)
    tenant = tenant_of(by, organization_id)
    if on is None or not tenant.may_on(permission, on):
        tenant.require(permission)
    return tenant


# NO KEY: rows that refer to the organization may be written meanwhile.
_locking = Prepared(
    lambda: (
        Organization.objects.select_for_update(no_key=True)
        .filter(pk=Given("organization_id", BigIntegerField()))
        .order_by("pk")
    )
)


def lock(organization_id: int) -> Organization:
    """Lock an organization, open or closed, for the rest of the transaction and return it."""
    organization = _locking.first(organization_id=organization_id)
    if organization is None:
        raise Organization.DoesNotExist
    return organization


def has_grant(
    tenant: Tenant, permission: Permission, model: type[Model], row_id: int | str
) -> bool:
    """Whether a person was given the permission on one row, beyond their role."""
    codename = grantable.codename(model, permission)
    if tenant.user is None or codename is None:
        return False
    return ObjectGrant.objects.filter(
        user_id=tenant.user.pk,
        organization_id=tenant.organization.pk,
        object_pk=str(row_id),
        permission__codename=codename,
        permission__content_type__app_label=model._meta.app_label,  # noqa: SLF001  public in all but name
        permission__content_type__model=model._meta.model_name,  # noqa: SLF001
    ).exists()


def rows_of(tenant: Tenant, queryset: QuerySet[RowT]) -> QuerySet[RowT]:
    """Keep the rows that belong to the tenant's organization."""
    return queryset.filter(organization_id=tenant.organization.pk)


def row_of(tenant: Tenant, queryset: QuerySet[RowT], **lookup: Any) -> RowT:
    """Return one row of the tenant's organization. Raises NotFound for a foreign id and a missing one alike."""
    row = rows_of(tenant, queryset).filter(**lookup).first()
    if row is None:
        _look_into(tenant.user, tenant.organization, queryset.model, lookup)
        raise NotFound
    return row


def lock_row(row: Model) -> None:
    """Lock a row that the gate has handed out for the rest of the transaction."""
    rows = type(row)._base_manager.select_for_update(no_key=True)  # noqa: SLF001  (Django's documented API)
    rows.filter(pk=row.pk).values_list("pk").first()


def _look_into(
    user: User | None, acting_in: Organization | None, model: type[Model], lookup: dict[str, Any]
) -> None:
    """Have a job find out whether what was asked for is another organization's.

    Not here: what is foreign and what is missing must take the same time to refuse.
    """
    row_id = lookup.get("pk", lookup.get("id"))
    if row_id is None:
        return
    here = context.current()
    verdict = ratelimit.take(f"absent:{user.pk if user else here.actor}", _PROBES)
    if verdict.is_allowed and verdict.is_counted:
        jobs.enqueue_now(
            "organizations.look_into_absence",
            model=model._meta.label,  # noqa: SLF001  public in all but name
            row_id=row_id,
            user_id=user.pk if user else None,
            organization_id=acting_in.pk if acting_in else None,
            ip=here.ip,
            user_agent=here.user_agent,
            request_id=here.request_id,
        )
