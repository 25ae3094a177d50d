"""How the people of the tests reach the product: the API with tokens, the portal with a cookie; and the clock."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import sessions

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


@pytest.fixture
def portal(db: None) -> Client:
    """Return a browser in which nobody is signed in."""
    return Client(headers={"Accept": _BROWSER})


@pytest.fixture
def portal_as(db: None) -> PortalAs:
    """Return what makes a browser in which a person is signed in; staff has given a second factor there."""

    def sign_in(person: User) -> Client:
        client = Client(headers={"Accept": _BROWSER})
        client.force_login(person)
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
