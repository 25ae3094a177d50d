"""Step-up at the doors: the API answers how to confirm, a page asks and comes back."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import middleware
from accounts.models import User
from accounts.services import step_up
from config.common import problems
from config.common.errors import Unauthenticated

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]
AnyPage = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class RecentlyAuthenticated(BasePermission):
    """Lets people through who proved who they are within the last ten minutes; what keys may do, their scopes say.

    It guards the methods that a view names in `recent_methods`, else all that change something.
    """

    problem = step_up.ReauthenticationRequired

    @staticmethod
    def guards(view: APIView, method: str) -> bool:
        """Whether the view's method is guarded."""
        methods: frozenset[str] | None = getattr(view, "recent_methods", None)
        return method not in _SAFE if methods is None else method in methods

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the session of the person; ReauthenticationRequired says how to go on."""
        if self.guards(view, request.method or "") and isinstance(request.user, User):
            require_recent(request)
        return True


def require_recent(request: Request) -> None:
    """Raise ReauthenticationRequired, which says how to go on, or Unauthenticated for whoever has no session."""
    session = middleware.live_session_of(request)
    if session is None:
        raise Unauthenticated
    step_up.require_recent(session=session, at=timezone.now())


def login_required(page: AnyPage[P]) -> AnyPage[P]:
    """Let a page be used only by who is signed in; others are asked to sign in, and come back.

    A form that comes from who is signed out by then is not carried out: its sender is told so, and led back to the page
    where it was, as the address that takes it may show nothing.
    """

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return page(request, *args, **kwargs)
        back_to = request.get_full_path()
        if request.method not in _SAFE and problems.wants_html(request):
            messages.warning(
                request,
                "You are not signed in any more: nothing was changed. Sign in, then send the form once more.",
            )
            came_from = own_page(request, request.headers.get("Referer", ""), otherwise=back_to)
            back_to = urlsplit(came_from)._replace(scheme="", netloc="").geturl()
        return redirect_to_login(back_to)

    return guarded


def recently_authenticated(page: Page[P]) -> Page[P]:
    """Let a page be used only by who proved who they are within the last ten minutes; others are asked, and come back.

    A form that was sent too late is not carried out: its sender is told so, and led back to the form, which therefore
    has to be shown under the address that takes it.
    """

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        session = middleware.live_session_of(request)
        if session is None:
            return redirect_to_login(request.get_full_path())
        if step_up.is_recent(session, at=timezone.now()):
            return page(request, *args, **kwargs)
        return _ask_first(request)

    return guarded


def proof_first(request: HttpRequest, *, back_to: str) -> HttpResponse | None:
    """Return the way to a proof of who is there, and from it back to a page; None where one is ten minutes old at most.

    For forms of which only some submissions need it, or that are shown under another address than takes them.
    """
    session = middleware.live_session_of(request)
    if session is None:
        return redirect_to_login(back_to)
    return None if step_up.is_recent(session, at=timezone.now()) else _ask_first(request, back_to)


def staff_of(request: HttpRequest) -> User:
    """Return who of the staff uses the back office, which lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def _ask_first(request: HttpRequest, back_to: str = "") -> HttpResponse:
    if request.method not in _SAFE:
        messages.warning(
            request,
            "Too much time has passed since you signed in: nothing was changed. Confirm that it is you, then send "
            "the form once more.",
        )
    query = urlencode({"next": back_to or request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('accounts:confirm')}?{query}")


def own_page(request: HttpRequest, wanted: str, *, otherwise: str) -> str:
    """Return where somebody wants to go on, if that is a page of ours."""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else otherwise
