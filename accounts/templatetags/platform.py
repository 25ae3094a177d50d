"""Asks the platform's role matrix in templates: `{% staff_can "users:write" as can_write %}`."""

from django import template
from django.http import HttpRequest
from django.template import Context

from accounts.models import User
from accounts.roles import PlatformPermission

register = template.Library()


@register.simple_tag(takes_context=True)
def staff_can(context: Context, permission: str) -> bool:
    """Whether the person's platform role grants the permission; an unknown one is a mistake."""
    asked = PlatformPermission(permission)
    request: HttpRequest = context["request"]
    return isinstance(request.user, User) and request.user.is_staff and request.user.may(asked)
