"""The live WebSocket and the last minute: what a watcher sees, how much they may ask, and that nothing is left of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubLoopLayer, RedisSingleShardConnection
from django.db import OperationalError
from django.utils import timezone
from uvicorn.protocols.utils import ClientDisconnected

from accounts import realtime as people
from analytics import consumers
from analytics.consumers import TALKS_TOO_MUCH
from analytics.services import ingest
from tests.analytics.pen import event, write
from tests.analytics.sockets import (
    ORIGIN,
    SOCKETS,
    closing_code,
    refusal,
    refused,
    socket,
    ticket_of,
)
from tests.patience import at_most


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
