"""Asks the role matrix in templates: `{% can "keys:write" as can_write %}`."""

from django import template
from django.http import HttpRequest
from django.template import Context

from config.common.errors import NotFound
from organizations.permissions import tenant_of_page
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
    except NotFound:
        return False
