"""How fast one address may use the doors: a token bucket for the API, a fixed window for forms, PostgreSQL when Redis is away."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.services import pace
from config.common import ratelimit
from config.common.errors import TooManyRequests
from config.common.ratelimit import Rate

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]

_MINUTE = timedelta(minutes=1)
# Generous, because many people share an address; wrong passwords have a guard of their own.
RATES = {
    "register": Rate(limit=60, per_seconds=60, burst=60),
    "login": Rate(limit=60, per_seconds=60, burst=60),
    "verify": Rate(limit=60, per_seconds=60, burst=60),
    "avatar": Rate(limit=20, per_seconds=60, burst=20),
    "resend": Rate(limit=20, per_seconds=60, burst=20),
    "token": Rate(limit=240, per_seconds=60, burst=120),
}


class AddressThrottle(BaseThrottle):
    """Holds an API view to the rate that its `paced_as` names, per address of the caller."""

    _seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Take one token from the address's bucket."""
        rate = RATES[view.paced_as]
        verdict = ratelimit.take(f"{view.paced_as}:{pace.caller()}", rate)
        self._seconds = verdict.retry_after_seconds
        passes = verdict.is_allowed
        if not verdict.is_counted:
            self._seconds = rate.per_seconds
            passes = _passes_without_redis(view.paced_as)
        if not passes:
            pace.tell_excess(view.paced_as)
        return passes

    def wait(self) -> float:
        """Return after how many seconds the next call passes."""
        return self._seconds


def paced(kind: str) -> Callable[[Page[P]], Page[P]]:
    """Let one address send a form only as often as the rate of its kind allows."""

    def decorate(page: Page[P]) -> Page[P]:
        @wraps(page)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "POST":
                _require_pace(request, kind)
            return page(request, *args, **kwargs)

        return guarded  # type: ignore[return-value]  # wraps() keeps the signature, not its shape

    return decorate


def _require_pace(request: HttpRequest, kind: str) -> None:
    try:
        usage: dict[str, int] | None = get_usage(  # type: ignore[no-untyped-call]
            request,
            group=f"form:{kind}",
            key=lambda group, request: pace.caller(),
            rate=f"{RATES[kind].burst}/m",
            increment=True,
        )
    except RedisError:
        usage = None
    is_over = not _passes_without_redis(kind) if usage is None else usage["should_limit"]
    if is_over:
        pace.tell_excess(kind)
        seconds = max(1, usage["time_left"]) if usage else RATES[kind].per_seconds
        raise TooManyRequests(headers={"Retry-After": str(seconds)})


def _passes_without_redis(kind: str) -> bool:
    tried = pace.subject("pace", kind, pace.caller())
    return pace.count(tried, at=timezone.now(), window=_MINUTE) <= RATES[kind].burst
