"""Who may open the live WebSocket, and how it ends for those who no longer may."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from accounts.models import Session
from accounts.services import sessions
from analytics import consumers, realtime
from analytics.consumers import FAILED, NO_LONGER_ALLOWED
from config.common import redis
from organizations.models import CustomRole, Organization, OrganizationMember
from tests.analytics.sockets import SOCKETS, closing_code, is_let_in, refusal, socket, ticket_of


@pytest.mark.django_db(transaction=True)
def test_a_ticket_opens_one_socket(portal_as, vera):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def accepted_twice() -> tuple[bool, bool]:
        async with socket(ticket) as first, socket(ticket) as second:
            return first.accepted, second.accepted

    assert accepted_twice() == (True, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://testserver.evil.example",
        "null",
        None,
        "http://testserver:81",
        "http://testserver:port",
        "http://testserver/page",
        "http://[testserver",
        "ws://testserver",
    ],
)
def test_other_pages_open_no_socket(portal_as, vera, origin):
    ticket = ticket_of(portal_as, vera)

    assert not is_let_in(ticket, origin)
    assert refusal(ticket, origin=origin) == (403, "forbidden")


@pytest.mark.django_db(transaction=True)
def test_a_host_that_is_not_ours_has_no_pages_of_ours(portal_as, vera):
    ticket = ticket_of(portal_as, vera)

    assert not is_let_in(ticket, "http://evil.example", "evil.example")
    assert is_let_in(ticket)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ticket", ["", "made-up", "a&ticket=b"])
def test_no_socket_without_a_ticket_of_ours(ticket):
    assert not is_let_in(ticket)
    assert refusal(ticket) == (401, "unauthenticated")


@pytest.mark.django_db(transaction=True)
def test_an_old_ticket_opens_nothing(portal_as, vera):
    ticket = ticket_of(portal_as, vera)
    (stored,) = redis.client().keys(f"{settings.REDIS_PREFIX}live:ticket:*")
    assert 0 < redis.client().ttl(stored) <= realtime.TICKET_SECONDS
    assert ticket.encode() not in stored
    redis.client().delete(stored)

    assert realtime.redeem_ticket(ticket) is None


def remove_member(person) -> None:
    OrganizationMember.objects.filter(user=person).delete()


def suspend(person) -> None:
    person.status = "SUSPENDED"
    person.save()


def end_sessions(person) -> None:
    for session in Session.objects.filter(user=person):
        sessions.end(user=person, session_id=session.pk)


def raise_session_version(person) -> None:
    person.session_version += 1
    person.save()


def take_the_right(person) -> None:
    role = CustomRole.objects.create(
        organization=person.memberships.get().organization,
        name="Nothing",
        permissions=["organization:read"],
    )
    person.memberships.update(custom_role=role, role="VIEWER")


def list_other_addresses(person) -> None:
    Organization.objects.filter(members__user=person).update(console_networks=["203.0.113.0/24"])


def require_a_second_factor(person) -> None:
    Organization.objects.filter(members__user=person).update(requires_two_factor=True)


def code_after(lose, ticket, person) -> Any:
    @async_to_sync
    async def code() -> Any:
        async with socket(ticket) as communicator:
            assert communicator.accepted
            await sync_to_async(lose)(person)
            return await closing_code(communicator, 2.5)

    return code()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (end_sessions, (401, "unauthenticated")),
        (take_the_right, (403, "forbidden")),
        (remove_member, (404, "not_found")),
    ],
)
def test_who_may_no_longer_see_hears_why_no_socket_is_opened(portal_as, vera, lose, told):
    ticket = ticket_of(portal_as, vera)
    lose(vera)

    assert refusal(ticket) == told
    assert consumers._open[vera.pk] == 0


@pytest.mark.django_db(transaction=True)
def test_a_server_that_cannot_say_why_just_refuses():
    scope = {"type": "websocket", "path": "/ws/live", "query_string": b"", "headers": []}

    @async_to_sync
    async def told() -> Any:
        communicator = ApplicationCommunicator(SOCKETS, scope)
        await communicator.send_input({"type": "websocket.connect"})
        return await communicator.receive_output(timeout=60)

    assert told() == {"type": "websocket.close"}


@pytest.mark.django_db(transaction=True)
def test_who_may_no_longer_see_is_cut_off_within_two_seconds(portal_as, vera):
    assert code_after(remove_member, ticket_of(portal_as, vera), vera) == NO_LONGER_ALLOWED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "lose",
    [
        suspend,
        end_sessions,
        raise_session_version,
        take_the_right,
        list_other_addresses,
        require_a_second_factor,
    ],
)
def test_whatever_takes_the_right_ends_the_socket(portal_as, vera, monkeypatch, lose):
    monkeypatch.setattr(consumers, "_TICK_SECONDS", 0.05)

    assert code_after(lose, ticket_of(portal_as, vera), vera) == NO_LONGER_ALLOWED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lose", [remove_member, end_sessions, list_other_addresses])
def test_a_ticket_is_worth_nothing_after_the_right_is_lost(portal_as, vera, lose):
    ticket = ticket_of(portal_as, vera)
    lose(vera)

    assert not is_let_in(ticket)


@pytest.mark.django_db(transaction=True)
def test_a_right_that_cannot_be_asked_for_ends_the_socket(portal_as, vera, monkeypatch):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def code() -> Any:
        async with socket(ticket) as communicator:
            monkeypatch.setattr(consumers, "live_session", lambda *_, **__: 1 / 0)
            return await closing_code(communicator, 3)

    assert code() == FAILED
