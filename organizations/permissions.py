"""Guards of pages and functions, all reading the one matrix of `organizations.roles`."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from config.common.errors import Forbidden
from organizations import access
from organizations.access import Tenant
from organizations.models import Role
from organizations.roles import Permission
from organizations.services import refusals

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
GuardedPage = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
_RANK = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def require_permission(tenant: Tenant, permission: Permission) -> None:
    """Raise Forbidden unless the caller has the permission."""
    tenant.require(permission)


def require_permissions(tenant: Tenant, *permissions: Permission) -> None:
    """Raise Forbidden unless the caller has every one of the permissions."""
    for permission in permissions:
        tenant.require(permission)


def require_role(tenant: Tenant, role: Role) -> None:
    """Raise Forbidden unless the caller's role is this one or a higher one. A key has no role."""
    if not tenant.role or _RANK.index(Role(tenant.role)) < _RANK.index(role):
        raise Forbidden(f"This needs the role {role.label.lower()}.")


def require_noted(tenant: Tenant, permission: Permission) -> None:
    """Raise Forbidden unless the caller has the permission; a refusal is noted as a security event."""
    if not tenant.may(permission):
        refusals.note(tenant=tenant, permission=permission)
    tenant.require(permission)


def tenant_of_page(request: HttpRequest) -> Tenant:
    """Return the tenant of a portal page, found once per request. Raises NotFound for who belongs to none."""
    tenant: Tenant | None = getattr(request, "tenant", None)
    if tenant is None:
        assert isinstance(request.user, User)
        tenant = access.tenant_of(request.user)
        request.tenant = tenant  # type: ignore[attr-defined]
    return tenant


def member_required(permission: Permission) -> Callable[[Page[P]], GuardedPage[P]]:
    """Let a page be seen only by members whose role grants the permission."""

    def decorate(page: Page[P]) -> GuardedPage[P]:
        @wraps(page)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            require_noted(tenant_of_page(request), permission)
            return page(request, *args, **kwargs)

        return login_required(guarded)

    return decorate
