"""The base of every customer-facing view: it finds the tenant once and offers its rows only."""

from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.functional import cached_property
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from config.common.errors import Forbidden, InvalidInput, NotFound
from config.common.ids import id_in
from config.common.views import GuardedView
from organizations import access
from organizations.access import ConsoleAddressRefused, RowT, SecondFactorRequired, Tenant
from organizations.permissions import require_permission
from organizations.roles import Permission

_HEADER = "X-Organization-Id"


class HasGrant(BasePermission):
    """Lets through whose role grants the permission that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the tenant; NotFound when the caller has no place in the organization."""
        assert isinstance(view, OrganizationScoped)
        needed = view.required_permission()
        if not view.is_granted_on_row(needed):
            require_permission(view.tenant, needed)
        return True


class OrganizationScoped(GuardedView):
    """A view over rows of one organization."""

    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, HasGrant)
    permissions_by_method: ClassVar[dict[str, Permission]] = {}
    problems = (SecondFactorRequired, ConsoleAddressRefused)
    # The model of the row in the path, if permissions can be given on single ones, and what the path calls its id.
    granted_on: ClassVar[type[Model] | None] = None
    granted_by: ClassVar[str] = "pk"
    # Whether the header says which organization is meant; else the path does.
    reads_organization_header: ClassVar[bool] = True

    def asked_organization(self) -> int | None:
        """Return the id of the organization the caller names; None leaves the choice to the gate."""
        text = self.request.headers.get(_HEADER)
        if text is None:
            return None
        asked = id_in(text)
        if asked is not None:
            return asked
        raise InvalidInput.at(
            f"#/{_HEADER}",
            location="header",
            code="id",
            message="This is not an organization's id.",
            fix="Send the id as a whole number, or leave the header out.",
        )

    @cached_property
    def tenant(self) -> Tenant:
        """The organization this request acts in: a key's own, else the one asked for, else the current one."""
        asked = self.asked_organization()
        bound = getattr(self.request.auth, "tenant", None)
        if bound is None:
            assert isinstance(self.request.user, User)
            return access.tenant_of(self.request.user, asked)
        tenant: Tenant = bound()
        if asked not in {None, tenant.organization.pk}:
            raise NotFound
        return tenant

    @property
    def person(self) -> User:
        """The person who asks. Raises Forbidden for a key, which is nobody."""
        if self.tenant.user is None:
            raise Forbidden("This is for people; an API key cannot do it.")
        return self.tenant.user

    def is_granted_on_row(self, permission: Permission) -> bool:
        """Whether a person whose role does not grant the permission was given it on the row in the path."""
        row_id = self.kwargs.get(self.granted_by)
        if self.granted_on is None or row_id is None or self.tenant.may(permission):
            return False
        return access.has_grant(self.tenant, permission, self.granted_on, row_id)

    def rows(self, queryset: QuerySet[RowT]) -> QuerySet[RowT]:
        """Keep the tenant's rows."""
        return access.rows_of(self.tenant, queryset)

    def row(self, queryset: QuerySet[RowT], **lookup: Any) -> RowT:
        """Return one of the tenant's rows, locked where `If-Match` is compared. Raises NotFound."""
        found = access.row_of(self.tenant, queryset, **lookup)
        if not self.is_locking:
            return found
        # The organization first, as whoever changes one of its rows or closes it.
        self.tenant = access.locked(self.tenant)
        access.lock_row(found)
        return access.row_of(self.tenant, queryset, **lookup)
