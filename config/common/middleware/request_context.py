"""Gives every request an id and a context, and turns whatever escapes a view into a problem document."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from config.common import context, errors, problems
from config.common.ip import client_ip

logger = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{8,64}$")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Outermost: everything inside may rely on `context.current()`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-Id", "")
        request_id = offered if _REQUEST_ID.match(offered) else context.new_request_id()
        facts = context.Context(
            request_id=request_id,
            ip=client_ip(request),
            user_agent=request.headers.get("User-Agent", "")[:300],
            arrived_at=_arrival(request),
        )
        with context.use(facts):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what Django's own handlers would answer with a bare page."""
        error = problems.as_domain_error(exception)
        if error is None:
            logger.error("unhandled_exception", path=request.path, exc_info=exception)
            error = errors.InternalError()
        return problems.response(request, error)


def _arrival(request: HttpRequest) -> datetime:
    """Return when the request came in: `config.asgi` notes it before the request waits for a free thread."""
    noted = request.META.get("asgi.scope", {}).get("tollgate.arrived_at")
    return timezone.now() if noted is None else datetime.fromtimestamp(noted, UTC)
