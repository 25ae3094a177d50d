"""What the header of every account page shows of the person: how many notices they have not read."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import selectors
from accounts.models import User


def unread_notices(request: HttpRequest) -> dict[str, Any]:
    """Offer `unread_notices`; asked for, once, only when a template uses it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"unread_notices": 0}
    return {"unread_notices": SimpleLazyObject(lambda: selectors.unread_notices(user))}
