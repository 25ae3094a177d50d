"""Refuses a body that is too large before a byte of it is read."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common import errors, problems
from config.common.middleware import GetResponse


def limit_of(path: str) -> int:
    """Return how many bytes a body may have on this path: more only where a file is uploaded."""
    limit: int = settings.UPLOAD_PATHS.get(path, settings.MAX_BODY_BYTES)
    return limit


class SizeLimitMiddleware:
    """Looks at Content-Length; `config.bridge` and `config.wsgi` give one to a body that came in chunks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.headers.get("Content-Length") or "0"
        # More digits than any body has are not worth a conversion, which Python would refuse.
        if not (length.isascii() and length.isdigit() and len(length) <= 100):
            malformed = errors.MalformedRequest("Content-Length is not a number.")
            return problems.response(request, malformed)
        limit = limit_of(request.path_info)
        if int(length) > limit:
            detail = f"At most {limit / 1_048_576:g} MB can be sent to this address."
            return problems.response(request, errors.PayloadTooLarge(detail))
        return self.get_response(request)
