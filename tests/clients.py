"""How the people of the tests reach the product: the API with tokens, the portal with a cookie; and the clock."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import sessions
from config.common import once

ApiAs = Callable[[User], APIClient]
PortalAs = Callable[[User], Client]

_BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture
def api(db: None) -> APIClient:
    """Return an API client of nobody."""
    return APIClient()


@pytest.fixture
def api_as(db: None) -> ApiAs:
    """Return what makes an API client of a person, with tokens of a session of their own."""

    def sign_in(person: User) -> APIClient:
        pair = sessions.start(user=person, at=timezone.now())
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    return sign_in


class Browser(Client):
    """Sends with every form the token that its page would have held, should it make something once."""

    def post(self, path: str, data: Any = None, *args: Any, **extra: Any) -> Any:  # type: ignore[override]
        """Send a form."""
        is_form = isinstance(data, dict | None) and not args and "content_type" not in extra
        if is_form and settings.SESSION_COOKIE_NAME in self.cookies:
            data = {once.FIELD: self.token_for(path), **(data or {})}
        return super().post(path, data, *args, **extra)

    def token_for(self, path: str) -> str:
        """Return a token as the page at a path holds it."""
        request = RequestFactory().get(path)
        request.session = self.session
        return once._new_token(request)


@pytest.fixture
def portal(db: None) -> Client:
    """Return a browser in which nobody is signed in."""
    return Browser(headers={"Accept": _BROWSER})


@pytest.fixture
def portal_as(db: None) -> PortalAs:
    """Return what makes a browser in which a person is signed in; staff has given a second factor there."""

    def sign_in(person: User) -> Client:
        client = Browser(headers={"Accept": _BROWSER})
        # As `force_login`, but nobody had a cookie before, whose row would be made, read and removed.
        request = HttpRequest()
        request.session = SessionStore()
        login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
        request.session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
        if person.is_staff:
            person.sessions.filter(ended_at=None).update(second_factor_at=timezone.now())
        return client

    return sign_in


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stop the clock on a Monday morning; `clock.shift(seconds)` moves it."""
    with time_machine.travel(datetime(2026, 3, 2, 9, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def grow_old(person: User) -> None:
    """Let ten minutes pass since a person last proved who they are, in each of their sessions."""
    person.sessions.update(authenticated_at=timezone.now() - timedelta(minutes=10))
