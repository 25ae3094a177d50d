"""Lets only listed networks reach the back office, the staff API and the metrics, when OPERATOR_ALLOWLIST is set."""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common import context, errors, problems, sightings
from config.common.addresses import is_within, parse_address, parse_networks
from config.common.middleware import GetResponse
from config.common.signals import AddressBlocked

# Also without its slash: a redirect would tell that there is something.
_GUARDED = re.compile(r"/(?:api/v1/)?(?:admin|metrics)(?:/|\Z)")


class OperatorAllowlistMiddleware:
    """Answers 404 to everyone else, exactly as where there is nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        allowed = tuple(settings.OPERATOR_ALLOWLIST)
        if allowed and _GUARDED.match(request.path_info):
            address = parse_address(context.current().ip or "")
            if not is_within(address, parse_networks(allowed)):
                door = request.path_info.strip("/").partition("/")[0]
                sightings.tell(AddressBlocked(door=door), bucket=f"blocked:{context.current().ip}")
                return problems.response(request, errors.NotFound())
        return self.get_response(request)
