"""Who a portal page is shown to, and in which time zone. The cookie holds only as long as its session row does."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from accounts import selectors, services
from accounts.models import Session, User, time_zones
from accounts.tokens import AccessClaims
from config.common import context

_SESSION_ID = "accounts_session_id"
_SESSION_VERSION = "accounts_session_version"
_OPENED = "accounts_opened_session"
_EXPECTED = "accounts_expected_address"
_DEVICE_COOKIE_AGE = timedelta(days=400)


class PortalSessionMiddleware(AuthenticationMiddleware):
    """Finds the person behind the cookie in one query; a session ended elsewhere ends the cookie, too."""

    def process_request(self, request: HttpRequest) -> None:
        """Offer `request.user`, looked up when it is first asked for."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _person(request))  # type: ignore[assignment]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Leave the thread as it was found."""
        timezone.deactivate()
        return response


def enter(request: HttpRequest, session: Session) -> None:
    """Give the browser a fresh cookie for a session that has just been opened."""
    setattr(request, _OPENED, session)
    request.session.pop(_EXPECTED, None)
    login(request, session.user, backend="accounts.backends.GuardedBackend")


def opened_by(request: HttpRequest) -> Session | None:
    """Return the session that the page behind a request has opened, if it has."""
    return getattr(request, _OPENED, None)


def expect(request: HttpRequest, address: str) -> None:
    """Let the forms for who is not signed in begin with an address: it was written to, and opened the link."""
    request.session[_EXPECTED] = address


def expected_address(request: HttpRequest) -> str:
    """Return the address with which the forms for who is not signed in begin, or nothing."""
    return str(request.session.get(_EXPECTED, ""))


def device_token_of(request: HttpRequest) -> str:
    """Return the token by which the browser is known, or nothing."""
    return request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")


def keep_device_token(response: HttpResponse, token: str) -> None:
    """Let the browser keep the token by which it is known, for as long as browsers keep anything."""
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        token,
        max_age=_DEVICE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def remember(request: HttpRequest, claims: AccessClaims) -> None:
    """Tie the cookie to its session row."""
    request.session[_SESSION_ID] = claims.session_id
    request.session[_SESSION_VERSION] = claims.session_version


def claims_of(request: HttpRequest | Request) -> AccessClaims | None:
    """Return what the cookie says; whether it still holds is another question."""
    try:
        return AccessClaims(
            user_id=int(request.session[SESSION_KEY]),
            session_id=int(request.session[_SESSION_ID]),
            session_version=int(request.session[_SESSION_VERSION]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def live_session_of(request: HttpRequest | Request) -> Session | None:
    """Return the session behind a request as it is now, by token or by cookie; None for keys and for nobody."""
    claims = _claimed(request)
    return selectors.live_session(claims, at=timezone.now()) if claims else None


def session_id_of(request: HttpRequest | Request) -> int | None:
    """Return the id of the session that a request claims; None for keys and for nobody."""
    claims = _claimed(request)
    return claims.session_id if claims else None


def _claimed(request: HttpRequest | Request) -> AccessClaims | None:
    claims = request.auth if isinstance(request, Request) else claims_of(request)
    return claims if isinstance(claims, AccessClaims) else None


def _person(request: HttpRequest) -> User | AnonymousUser:
    session = _live_session(request)
    if session is None:
        if SESSION_KEY in request.session:
            request.session.flush()
        return AnonymousUser()
    context.set_actor(session.user.as_actor(request.path))
    _show_times_of(session.user, request)
    return session.user


def _show_times_of(user: User, request: HttpRequest) -> None:
    # The API speaks UTC to everybody.
    if not request.path.startswith("/api/") and user.time_zone in time_zones():
        timezone.activate(user.time_zone)


def _live_session(request: HttpRequest) -> Session | None:
    claims = claims_of(request)
    if claims is None:
        return None
    now = timezone.now()
    session = selectors.live_session(claims, at=now)
    if session is not None:
        services.sessions.touch(session=session, at=now)
    return session
