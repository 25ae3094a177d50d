"""The base of every customer-facing view: it finds the tenant once and offers its rows only."""

from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from config.common.errors import FieldError, InvalidInput
from organizations import access
from organizations.access import Tenant
from organizations.roles import Permission

_HEADER = "X-Organization-Id"


def asked_organization(request: HttpRequest | Request) -> int | None:
    """Return the id in `X-Organization-Id`. Raises InvalidInput when it is not an id."""
    text = request.headers.get(_HEADER)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    message = "This is not an organization's id."
    error = FieldError(pointer=f"#/{_HEADER}", location="header", code="id", message=message)
    raise InvalidInput(message, errors=[error])


class HasGrant(BasePermission):
    """Lets through whose role grants the permission that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the tenant; NotFound when the caller has no place in the organization."""
        permission = view.required_permission()  # type: ignore[attr-defined]
        view.tenant.require(permission)  # type: ignore[attr-defined]
        return True


class OrganizationScoped(APIView):
    """A view over rows of one organization.

    `permissions_by_method` names what each method needs; a method without an entry is refused at start-up of the
    schema, not at run time.
    """

    permission_classes = (IsAuthenticated, HasGrant)
    permissions_by_method: ClassVar[dict[str, Permission]]

    @cached_property
    def tenant(self) -> Tenant:
        """The organization this request acts in: a key's own, else the header's, else the current one."""
        bound = getattr(self.request.auth, "tenant", None)
        if bound is not None:
            return bound()
        assert isinstance(self.request.user, User)
        return access.tenant_of(self.request.user, asked_organization(self.request))

    def required_permission(self) -> Permission:
        """Return what the present method needs. Raises MethodNotAllowed for one that the view does not answer."""
        method = self.request.method or "GET"
        if method not in self.permissions_by_method:
            raise MethodNotAllowed(method)
        return self.permissions_by_method[method]

    def rows(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the tenant's rows."""
        return access.rows_of(self.tenant, queryset)

    def row(self, queryset: QuerySet[Any], **lookup: Any) -> Model:
        """Return one of the tenant's rows. Raises NotFound."""
        return access.row_of(self.tenant, queryset, **lookup)
