"""What the header of every account page shows: the organization at hand and the others to switch to."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.services import factors
from config.common.errors import Forbidden, NotFound
from organizations import access, selectors
from organizations.permissions import tenant_of_page


def current_organization(request: HttpRequest) -> dict[str, Any]:
    """Offer `current_organization` and `organizations`; asked for only when a template uses them."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"current_organization": None, "organizations": []}
    return {
        "current_organization": SimpleLazyObject(lambda: _organization(request)),
        "organizations": SimpleLazyObject(lambda: _choices(user)),
    }


def _organization(request: HttpRequest) -> dict[str, Any] | None:
    try:
        tenant = tenant_of_page(request)
    except (NotFound, Forbidden):
        return None
    return {"id": tenant.organization.pk, "name": tenant.organization.name, "role": tenant.role}


def _choices(user: User) -> list[dict[str, Any]]:
    has_factor = cache(lambda: factors.has_second_factor(user))
    return [
        {
            "id": member.organization_id,
            "name": member.organization.name,
            "role": member.role,
            "is_kept_out": access.hindrance(member.organization, has_second_factor=has_factor)
            is not None,
        }
        for member in selectors.organizations_of(user)
    ]
