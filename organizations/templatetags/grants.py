"""Asks the role matrix in templates: `{% can "keys:write" as can_write %}`, `{% has_role "ADMIN" as is_admin %}`."""

from django import template
from django.http import HttpRequest
from django.template import Context

from config.common.errors import Forbidden, NotFound
from organizations.models import Role
from organizations.permissions import require_role, tenant_of_page
from organizations.roles import Permission

register = template.Library()


@register.simple_tag(takes_context=True)
def can(context: Context, permission: str) -> bool:
    """Whether the person's role in the current organization grants the permission; an unknown one is a mistake."""
    asked = Permission(permission)
    request: HttpRequest = context["request"]
    if not request.user.is_authenticated:
        return False
    try:
        return tenant_of_page(request).may(asked)
    except (NotFound, Forbidden):
        return False


@register.simple_tag(takes_context=True)
def has_role(context: Context, role: str) -> bool:
    """Whether the person's built-in role in the current organization is this one or a higher one."""
    needed = Role(role)
    request: HttpRequest = context["request"]
    if not request.user.is_authenticated:
        return False
    try:
        require_role(tenant_of_page(request), needed)
    except (NotFound, Forbidden):
        return False
    return True
