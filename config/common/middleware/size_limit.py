"""Refuses a body that is too large before a byte of it is read."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common import errors, problems

GetResponse = Callable[[HttpRequest], HttpResponse]


class SizeLimitMiddleware:
    """Looks at Content-Length only; a body without one is bounded by the server's own reading."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.headers.get("Content-Length") or "0"
        if not (length.isascii() and length.isdigit()):
            return problems.response(
                request, errors.MalformedRequest("Content-Length is not a number.")
            )
        if int(length) > settings.MAX_BODY_BYTES:
            detail = f"The body may have {settings.MAX_BODY_BYTES} bytes."
            return problems.response(request, errors.PayloadTooLarge(detail))
        return self.get_response(request)
