"""Security headers of every response: a strict policy without `unsafe-*`, and no caching of what is private."""

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common.middleware import GetResponse

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Addresses of mailed links hold tokens: no other site learns where a visitor comes from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def protecting() -> dict[str, str]:
    """Return the headers of this installation: those above, and over https the order to insist on it."""
    if not settings.HSTS_SECONDS:
        return HEADERS
    value = f"max-age={settings.HSTS_SECONDS}; includeSubDomains"
    return {**HEADERS, "Strict-Transport-Security": value}


def absent(present: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers that an answer with these, in any case, still lacks."""
    names = {name.lower() for name in present}
    return [(name, value) for name, value in protecting().items() if name.lower() not in names]


class SecurityHeadersMiddleware:
    """Adds the headers that a response does not set itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in absent(response.headers):
            response[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        return response
