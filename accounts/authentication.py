"""How an API request says who it is: an access token, or the portal's own cookie session."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.request import Request

from accounts import middleware, selectors, services, tokens
from accounts.models import User
from config.common import context
from config.common.errors import Unauthenticated

_BAD_TOKEN = 'Bearer realm="api", error="invalid_token"'  # noqa: S105  a challenge


class JWTAuthentication(BaseAuthentication):
    """Reads `Authorization: Bearer <access token>` and asks the session row whether it still holds."""

    def authenticate(self, request: Request) -> tuple[User, tokens.AccessClaims] | None:
        """Return the person and the claims; None when the header holds no JWT. Raises Unauthenticated."""
        scheme, _, credential = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or credential.count(".") != 2:
            return None
        try:
            claims = tokens.read_access(credential.strip())
        except tokens.TokenRefused:
            raise _refused() from None
        now = timezone.now()
        session = selectors.live_session(claims, at=now)
        if session is None:
            raise _refused()
        services.sessions.touch(session=session, at=now)
        context.set_actor(session.user.as_actor(request.path))
        return session.user, claims

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401: whoever presented a token is told that it is the token."""
        scheme = get_authorization_header(request).partition(b" ")[0]
        return _BAD_TOKEN if scheme.lower() == b"bearer" else 'Bearer realm="api"'


class PortalSessionAuthentication(SessionAuthentication):
    """Lets the portal's pages call the API with their cookie; CSRF is checked."""

    def authenticate(self, request: Request) -> tuple[User, tokens.AccessClaims | None] | None:
        """Return the person whose cookie the request carries."""
        found = super().authenticate(request)
        return None if found is None else (found[0], middleware.claims_of(request))


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "The access token is not valid, or has expired.",
        headers={"WWW-Authenticate": _BAD_TOKEN},
    )


class JWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes access tokens to OpenAPI."""

    target_class = JWTAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class PortalSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the portal's cookie to OpenAPI."""

    target_class = PortalSessionAuthentication
    name = "portalSession"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
