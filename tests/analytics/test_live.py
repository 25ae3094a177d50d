"""The live WebSocket and the last minute: who may watch, for how long, and what they see."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels_redis.pubsub import RedisPubSubLoopLayer, RedisSingleShardConnection
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone
from uvicorn.protocols.utils import ClientDisconnected

from accounts import realtime as people
from accounts.models import Session
from accounts.services import sessions
from analytics import consumers, realtime
from analytics.consumers import FAILED, NO_LONGER_ALLOWED, TALKS_TOO_MUCH
from analytics.routing import websocket_urlpatterns
from analytics.services import ingest
from config.common import redis
from organizations.models import CustomRole, Organization, OrganizationMember
from tests.analytics.pen import event, write
from tests.patience import at_most

ORIGIN = "http://testserver"
# As config.asgi has it.
SOCKETS = URLRouter(websocket_urlpatterns)


class Socket(ApplicationCommunicator):
    """One WebSocket as the server drives it."""

    patience = 60.0

    async def connect(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(timeout=self.patience)
        self.accepted: bool = answer["type"] == "websocket.accept"
        if not self.accepted:
            self.status, self.headers = answer["status"], dict(answer["headers"])
            self.problem = orjson.loads((await self.receive_output(timeout=60))["body"])

    async def tick(self) -> Any:
        message = await self.receive_output(timeout=60)
        return orjson.loads(message["text"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(timeout=60)


def ticket_of(portal_as, person):
    answer = portal_as(person).post("/live/ticket/")
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("max-age=0")
    return answer.json()["ticket"]


@asynccontextmanager
async def socket(ticket: str, origin: str | None = ORIGIN, host: str = "testserver"):
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    scope = {
        "type": "websocket",
        "path": "/ws/live",
        "query_string": f"ticket={ticket}".encode(),
        "headers": headers,
        "subprotocols": [],
        # As uvicorn has it.
        "extensions": {"websocket.http.response": {}},
    }
    communicator = Socket(SOCKETS, scope)
    try:
        await communicator.connect()
        yield communicator
    finally:
        await communicator.disconnect()


@async_to_sync
async def is_let_in(ticket: str, origin: str | None = ORIGIN, host: str = "testserver") -> bool:
    async with socket(ticket, origin, host) as communicator:
        return communicator.accepted


async def refused(ticket: str, **how: str) -> tuple[int, str]:
    """Return how a handshake is refused, after a look at what every refusal says."""
    async with socket(ticket, **how) as communicator:
        assert not communicator.accepted
        status, problem = communicator.status, communicator.problem
        assert communicator.headers[b"content-type"] == b"application/problem+json"
        assert communicator.headers[b"cache-control"] == b"no-store"
        assert communicator.headers[b"x-request-id"].decode() == problem["request_id"]
        assert (b"retry-after" in communicator.headers) is (status in {429, 503})
        assert problem["status"] == status
        return status, problem["code"]


refusal = async_to_sync(refused)


async def closing_code(communicator: Socket, seconds: float) -> Any:
    """Return the code with which the server closes; it does so within so many seconds."""
    with at_most(seconds):
        while True:
            message = await communicator.receive_output(timeout=60)
            if message["type"] == "websocket.close":
                return message["code"]


@pytest.mark.django_db(transaction=True)
def test_a_watcher_sees_calls_within_seconds(portal_as, vera, key, foreign_organization):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def watched() -> list[dict]:
        async with socket(ticket) as communicator:
            assert communicator.accepted
            ticks = [await communicator.tick()]
            await sync_to_async(calls_are_made)()
            while sum(tick["calls"] for tick in ticks) < 2:
                ticks.append(await communicator.tick())
            return [*ticks, await communicator.tick()]

    def calls_are_made() -> None:
        write(
            event(key, units=5),
            event(key, outcome="RATE_LIMITED"),
            event(organization_id=foreign_organization.pk),
        )
        ingest.drain()

    ticks = watched()

    assert {tick["type"] for tick in ticks} == {"tick"}
    sums = {name: sum(tick[name] for tick in ticks) for name in ("calls", "refused", "units")}
    assert sums == {"calls": 2, "refused": 1, "units": 5}
    assert (ticks[0]["calls"], datetime.fromisoformat(ticks[0]["at"]).tzinfo) == (0, UTC)


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
def test_who_talks_on_is_cut_off(portal_as, vera):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def code() -> Any:
        async with socket(ticket) as communicator:
            for _ in range(10):
                await communicator.send_input({"type": "websocket.receive", "text": "hello"})
            return await closing_code(communicator, 2)

    assert code() == TALKS_TOO_MUCH


CONNECT = {"type": "websocket.connect"}
FRAME = {"type": "websocket.receive", "text": "hello"}
DISCONNECT = {"type": "websocket.disconnect", "code": 1006}


async def leaves_nothing(
    ticket: str, person: Any, received: list[dict], send: Any, until: asyncio.Event | None = None
) -> None:
    """Have a socket live through these messages with a server that sends so; nothing is left of it afterwards.

    It is told that the connection is lost once `until` is set.
    """
    coming = iter(received)
    headers = [(b"host", b"testserver"), (b"origin", ORIGIN.encode())]
    scope = {
        "type": "websocket",
        "path": "/ws/live",
        "query_string": f"ticket={ticket}".encode(),
        "headers": headers,
    }

    async def receive() -> dict:
        for message in coming:
            return message
        if until is not None:
            await until.wait()
        return DISCONNECT

    with at_most(10):
        await SOCKETS(scope, receive, send)

    layer = get_channel_layer()
    assert (layer.groups, layer.channels) == ({}, {})
    assert consumers._open[person.pk] == 0


@pytest.mark.django_db(transaction=True)
def test_frames_behind_the_last_straw_are_no_failure(portal_as, vera):
    ticket = ticket_of(portal_as, vera)
    sent: list[dict] = []

    async def send(message: dict) -> None:
        # What uvicorn says to whoever speaks after the end.
        if sent and sent[-1]["type"] == "websocket.close":
            raise RuntimeError("Unexpected ASGI message")
        sent.append(message)

    async_to_sync(leaves_nothing)(ticket, vera, [CONNECT, *[FRAME] * 20], send)

    assert [message.get("code") for message in sent] == [None, TALKS_TOO_MUCH]


@pytest.mark.django_db(transaction=True)
def test_whoever_is_gone_before_the_answer_leaves_nothing_behind(portal_as, vera):
    async def send(_message: dict) -> None:
        raise ClientDisconnected

    ticket = ticket_of(portal_as, vera)
    async_to_sync(leaves_nothing)(ticket, vera, [CONNECT], send)


@pytest.mark.django_db(transaction=True)
def test_whoever_goes_while_being_told_leaves_nothing_behind(portal_as, vera):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def watched() -> None:
        is_gone = asyncio.Event()

        async def send(message: dict) -> None:
            if message["type"] == "websocket.accept":
                await get_channel_layer().group_send(
                    people.group(vera.pk), {"type": "person.notice"}
                )
            else:
                is_gone.set()
                raise ClientDisconnected

        await leaves_nothing(ticket, vera, [CONNECT], send, until=is_gone)

    watched()


@pytest.mark.django_db(transaction=True)
def test_a_person_has_only_so_many_sockets(portal_as, vera, monkeypatch):
    monkeypatch.setattr(consumers, "MAX_PER_PERSON", 1)
    tickets = [ticket_of(portal_as, vera) for _ in range(3)]

    @async_to_sync
    async def seen() -> Any:
        async with socket(tickets[0]) as first:
            second = await refused(tickets[1])
            ticked = (await first.tick())["type"]
        async with socket(tickets[2]) as third:
            return second, ticked, (await third.tick())["type"]

    assert seen() == ((429, "rate_limited"), "tick", "tick")


async def _without_valkey(*_: object) -> None:
    raise ConnectionError


def _without_postgres(*_: object, **__: object) -> None:
    raise OperationalError


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("owner", "name", "away"),
    [
        (RedisPubSubLoopLayer, "group_add", _without_valkey),
        (consumers, "live_session", _without_postgres),
    ],
)
def test_a_socket_that_cannot_be_opened_is_refused_and_takes_no_place(
    portal_as, vera, monkeypatch, owner, name, away
):
    ticket = ticket_of(portal_as, vera)
    monkeypatch.setattr(owner, name, away)

    assert refusal(ticket) == (503, "service_unavailable")
    assert consumers._open[vera.pk] == 0


@pytest.mark.parametrize("ticket", ["made-up", ""])
def test_nobody_is_listened_for_while_valkey_is_away(monkeypatch, settings, ticket):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(RedisSingleShardConnection, "subscribe", _without_valkey)

    @async_to_sync
    async def kept() -> Any:
        async with socket(ticket) as communicator:
            return communicator.accepted, get_channel_layer().channels

    assert kept() == (False, {})


@pytest.mark.django_db(transaction=True)
def test_a_right_that_cannot_be_asked_for_ends_the_socket(portal_as, vera, monkeypatch):
    ticket = ticket_of(portal_as, vera)

    @async_to_sync
    async def code() -> Any:
        async with socket(ticket) as communicator:
            monkeypatch.setattr(consumers, "live_session", lambda *_, **__: 1 / 0)
            return await closing_code(communicator, 3)

    assert code() == FAILED


@pytest.mark.django_db
def test_no_ticket_while_valkey_is_away(portal_as, vera, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = portal_as(vera).post("/live/ticket/", headers={"Accept": "application/json"})

    assert response.status_code == 503
    assert response.json()["code"] == "service_unavailable"


@pytest.mark.django_db
def test_the_last_minute_by_second(api_as, vera, key, clock):
    now = timezone.now()

    def at(seconds: float) -> int:
        return int((now - timedelta(seconds=seconds)).timestamp() * 1000)

    write(
        event(key, at_ms=at(61)),
        event(key, at_ms=at(60), units=3),
        event(key, at_ms=at(30.5)),
        event(key, at_ms=at(30.2), outcome="EXPIRED"),
        event(key, at_ms=at(0)),
    )
    ingest.drain()

    answer = api_as(vera).get("/api/v1/analytics/real-time").json()

    sums = {name: answer[name] for name in ("window_seconds", "calls", "refused", "units")}
    assert sums == {"window_seconds": 60, "calls": 3, "refused": 1, "units": 4}
    assert len(answer["per_second"]) == 60
    assert answer["per_second"][0] == {
        "at": "2026-03-02T08:59:00Z",
        "calls": 1,
        "refused": 0,
        "units": 3,
    }
    assert answer["per_second"][29]["calls"] == 2


@pytest.mark.django_db
def test_the_last_minute_has_no_parameters(api_as, vera, stan, key):
    write(event(key))
    ingest.drain()

    assert api_as(vera).get("/api/v1/analytics/real-time?x=1").status_code == 400
    assert api_as(stan).get("/api/v1/analytics/real-time").json()["calls"] == 0
