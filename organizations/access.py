"""The tenancy gate: the only functions that say which organization a caller acts in and hand out its rows.

A foreign id and a missing one both raise the same NotFound.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, Model, QuerySet

from accounts.models import User
from config.common import context, jobs, ratelimit
from config.common.errors import Forbidden, NotFound
from config.common.ratelimit import Rate
from organizations.models import Organization, OrganizationMember, Role
from organizations.roles import Permission, grants

RowT = TypeVar("RowT", bound=Model)

# Absent rows that one caller may ask for in a minute before nobody looks any more whose they are.
_PROBES = Rate(limit=60, per_seconds=60, burst=20)


@dataclass(frozen=True, slots=True)
class Tenant:
    """The organization a request acts in, and what the caller may do there.

    A person's role decides; a caller that is no person, such as an API key, brings its permissions along.
    """

    organization: Organization
    user: User | None
    role: str
    permissions: frozenset[Permission] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the caller has the permission in this organization."""
        if self.permissions is not None:
            return permission in self.permissions
        return grants(self.role, permission)

    def require(self, permission: Permission) -> None:
        """Raise Forbidden unless the caller has the permission."""
        if not self.may(permission):
            raise Forbidden(
                f"This needs the permission {permission.value}.", permission=permission.value
            )


def tenant_of(user: User, organization_id: int | None = None) -> Tenant:
    """Return the tenant a person acts in: the one asked for, else the one last selected, else the first joined.

    Raises NotFound when they are not a member of it. Asked anew on every request, so that a lost role is lost at once.
    """
    memberships = OrganizationMember.objects.select_related("organization").filter(user_id=user.pk)
    if organization_id is not None:
        memberships = memberships.filter(organization_id=organization_id)
    member = memberships.order_by(
        F("selected_at").desc(nulls_last=True), "created_at", "id"
    ).first()
    if member is None:
        _look_into(user, None, Organization, {"pk": organization_id})
        raise NotFound
    return Tenant(organization=member.organization, user=user, role=member.role)


def on_behalf_of(organization: Organization) -> Tenant:
    """Return the tenant in which staff and operators act: they may do what an owner may."""
    return Tenant(organization=organization, user=None, role=Role.OWNER)


def locked(tenant: Tenant) -> Tenant:
    """Lock the organization for the rest of the transaction and return the tenant as it is now.

    The caller's role is read again under the lock: it may have been taken away since the request began. Raises
    NotFound when the caller is no longer a member.
    """
    # NO KEY: rows that refer to the organization may be written meanwhile.
    organization = Organization.objects.select_for_update(no_key=True).get(
        pk=tenant.organization.pk
    )
    if tenant.user is None:
        return Tenant(organization, None, tenant.role, tenant.permissions)
    return tenant_of(tenant.user, organization.pk)


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
