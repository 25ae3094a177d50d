"""Gives every request an id and a context, and turns whatever escapes a view into a problem document."""

import contextlib
import re
from datetime import UTC, datetime

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from config.common import context, errors, logs, problems, reports
from config.common.ip import client_ip
from config.common.middleware import GetResponse

logger = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# W3C Trace Context: version, trace id, parent id, flags; ids of zeros alone are not valid.
_TRACE = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class RequestContextMiddleware:
    """Outermost: everything inside may rely on `context.current()`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-Id", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else context.new_request_id()
        facts = context.Context(
            request_id=request_id,
            ip=client_ip(request),
            user_agent=_CONTROL.sub("", request.headers.get("User-Agent", ""))[:300],
            arrived_at=_arrival(request),
            trace_id=_trace_id(request),
        )
        with context.use(facts), logs.withholding():
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what Django's own handlers would answer with a bare page."""
        error = problems.as_domain_error(exception)
        if error is None:
            _withhold_secrets(request)
            logger.error("unhandled_exception", path=request.path, exc_info=exception)
            reports.capture(exception)
            error = errors.InternalError()
        problems.log_outage(exception)
        return problems.response(request, error)


def _withhold_secrets(request: HttpRequest) -> None:
    """Keep what the client sent in confidence out of the exception's text; the JSON reader has seen to bodies."""
    headers = (request.headers.get("Authorization", ""), request.headers.get("X-API-Key", ""))
    logs.withhold(*(credential for header in headers for credential in header.split()[-1:]))
    logs.withhold(*request.COOKIES.values())
    with contextlib.suppress(Exception):
        for name, values in request.POST.lists():
            logs.withhold_from(values, str(name))


def _trace_id(request: HttpRequest) -> str:
    found = _TRACE.fullmatch(request.headers.get("traceparent", ""))
    return found[1] if found else ""


def _arrival(request: HttpRequest) -> datetime:
    """Return when the request came in: `config.asgi` notes it before the request waits for a free thread."""
    noted = request.META.get("asgi.scope", {}).get("tollgate.arrived_at")
    return timezone.now() if noted is None else datetime.fromtimestamp(noted, UTC)
