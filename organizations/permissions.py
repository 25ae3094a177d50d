"""Guards of pages and functions, all reading the one matrix of `organizations.roles`."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from accounts.models import User
from accounts.permissions import login_required
from config.common import context
from config.common.errors import Forbidden, NotFound
from organizations import access
from organizations.access import ConsoleAddressRefused, SecondFactorRequired, Tenant
from organizations.models import Role
from organizations.roles import Permission
from organizations.services import refusals

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
# The field in which a form says in which organization it was shown: `{% shown_in %}` writes it.
SHOWN_IN = "shown_in"
_RANK = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def require_permission(tenant: Tenant, permission: Permission) -> None:
    """Raise Forbidden unless the caller has the permission; a refusal is noted as a security event."""
    if not tenant.may(permission):
        refusals.note(tenant=tenant, permission=permission)
    tenant.require(permission)


def require_permissions(tenant: Tenant, *permissions: Permission) -> None:
    """Raise Forbidden unless the caller has every one of the permissions; the first refusal is noted."""
    for permission in permissions:
        require_permission(tenant, permission)


def require_role(tenant: Tenant, role: Role) -> None:
    """Raise Forbidden unless the caller's role is this one or a higher one. A key has no role."""
    if not tenant.role or _RANK.index(Role(tenant.role)) < _RANK.index(role):
        raise Forbidden(f"This needs the role {role.label.lower()}.")


def tenant_of_page(request: HttpRequest) -> Tenant:
    """Return the tenant of a portal page, found once per request. Raises NotFound for who belongs to none."""
    tenant: Tenant | None = getattr(request, "tenant", None)
    if tenant is None:
        assert isinstance(request.user, User)
        tenant = access.tenant_of(request.user)
        request.tenant = tenant  # type: ignore[attr-defined]
    return tenant


def member_required(
    permission: Permission, *, on: type[Model] | None = None
) -> Callable[[Page[P]], Page[P]]:
    """Let a page be seen only by members whose role grants the permission.

    With `on`, also by who was given it on the one row of that model whose `pk` is in the page's address.
    Who is in no organization at all is led to where one is made or joined; whose form was shown in another one than
    they are in by now, to where it is chosen.
    """

    def decorate(page: Page[P]) -> Page[P]:
        @wraps(page)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                tenant = tenant_of_page(request)
            except (SecondFactorRequired, ConsoleAddressRefused) as error:
                return _kept_out(request, error)
            except NotFound:
                return _belongs_nowhere(request)
            if _was_shown_elsewhere(request, tenant):
                return _led_back(request, tenant)
            is_given = (
                on is not None
                and not tenant.may(permission)
                and access.has_grant(tenant, permission, on, cast("int", kwargs["pk"]))
            )
            if not is_given:
                require_permission(tenant, permission)
            return page(request, *args, **kwargs)

        return login_required(guarded)

    return decorate


def _was_shown_elsewhere(request: HttpRequest, tenant: Tenant) -> bool:
    """Whether a form was shown in another organization: a second tab has switched since, or that one was closed."""
    here = str(tenant.organization.pk)
    return request.POST.get(SHOWN_IN, here) != here


def _led_back(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    messages.warning(
        request,
        f"That form belongs to another organization than {tenant.organization.name}, in which you "
        "are now: nothing was changed. Choose where to go on.",
    )
    return redirect("organizations:switch")


def _kept_out(request: HttpRequest, error: Forbidden) -> HttpResponse:
    """Say why the organization's security policy keeps a member out, and how to come in."""
    values = {
        "error": error,
        "can_set_up": isinstance(error, SecondFactorRequired),
        "address": "" if isinstance(error, SecondFactorRequired) else context.current().ip,
    }
    return render(request, "organizations/kept_out.html", values, status=error.status)


def _belongs_nowhere(request: HttpRequest) -> HttpResponse:
    """Lead who reads, and is in no organization, to where one is made or joined. Raises NotFound for anything else."""
    if request.method not in {"GET", "HEAD"} or "HX-Request" in request.headers:
        raise NotFound
    return redirect("organizations:switch")
