"""Lets only listed networks reach the back office and the metrics, when OPERATOR_ALLOWLIST is set."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common import context, errors, problems
from config.common.ip import is_within, parse_address, parse_networks

GetResponse = Callable[[HttpRequest], HttpResponse]
GUARDED = ("/admin/", "/metrics")


class OperatorAllowlistMiddleware:
    """Answers 404 to everyone else, as if there were no back office."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        allowed = tuple(settings.OPERATOR_ALLOWLIST)
        if allowed and request.path.startswith(GUARDED):
            address = parse_address(context.current().ip or "")
            if not is_within(address, parse_networks(allowed)):
                return problems.response(request, errors.NotFound())
        return self.get_response(request)
