"""One structured line per request: what was asked, what was answered, how long it took. Never a query string."""

import time

import structlog
from django.http import HttpRequest, HttpResponse

from config.common import context
from config.common.middleware import GetResponse

logger = structlog.get_logger("access")
_QUIET = ("/static/", "/healthz", "/readyz", "/metrics")


class AccessLogMiddleware:
    """Logs after the response is made; probes and static files stay silent unless they fail."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        if response.status_code < 400 and request.path.startswith(_QUIET):
            return response
        logger.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
            ip=context.current().ip,
        )
        return response
