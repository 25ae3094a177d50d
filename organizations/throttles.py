"""How fast our own API may be called: by each person, and by each organization through whomever it calls."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import User
from config.common import ratelimit
from config.common.ratelimit import Rate

if TYPE_CHECKING:
    # DRF imports its default throttles while it defines this class.
    from rest_framework.views import APIView


class CallerThrottle(BaseThrottle):
    """Takes a token of the person and one of the organization, both or none; a key's own rate is the gate's."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the call and note how it stands. Raises TooManyRequests with the fields that say so."""
        buckets: dict[str, tuple[str, Rate]] = {}
        if isinstance(request.user, User):
            buckets["person"] = (f"api:person:{request.user.pk}", _rate_of(request.user))
        tenant = getattr(view, "tenant", None)
        if tenant is not None:
            rate = _a_minute(settings.API_RATE_ORGANIZATION)
            buckets["organization"] = (f"api:organization:{tenant.organization.pk}", rate)
        if buckets:
            note(request, ratelimit.take_each(buckets))
        return True


def note(request: Request, standings: list[ratelimit.Standing]) -> None:
    """Have the answer tell how the caller stands, besides what was noted before."""
    noted = [*getattr(request, "standings", ()), *standings]
    request.standings = noted  # type: ignore[attr-defined]


def _rate_of(user: User) -> Rate:
    """Return what staff allows the person instead of what holds for everybody."""
    if user.rate_limit and user.rate_per_seconds and user.rate_burst:
        return Rate(user.rate_limit, user.rate_per_seconds, user.rate_burst)
    return _a_minute(settings.API_RATE_PERSON)


def _a_minute(calls: int) -> Rate:
    return Rate(limit=calls, per_seconds=60, burst=calls)
