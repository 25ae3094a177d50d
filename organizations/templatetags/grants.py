"""Asks the role matrix in templates: `{% can "keys:write" as can_write %}`, `{% has_role "ADMIN" as is_admin %}`.

`{% shown_in %}` inside a form says to which organization the form belongs.
"""

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils.html import format_html

from config.common.errors import Forbidden, NotFound
from organizations.models import Role
from organizations.permissions import SHOWN_IN, require_role, tenant_of_page
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


@register.simple_tag(takes_context=True)
def shown_in(context: Context) -> str:
    """Write the field by which a form changes nothing once the person is in another organization."""
    request: HttpRequest = context["request"]
    try:
        here = tenant_of_page(request).organization
    except (NotFound, Forbidden):
        return ""
    return format_html('<input type="hidden" name="{}" value="{}">', SHOWN_IN, here.pk)
