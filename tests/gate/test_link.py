"""The pipelining client against a real server that is slow, silent, emptied or gone."""

import asyncio
import contextlib
import time

import pytest
from django.conf import settings

from apikeys.gateway import link as module
from apikeys.gateway import script
from apikeys.gateway.link import Address, Link, LinkDown, NotDone
from tests import servers
from tests.doubles import patient
from tests.doubles.faults import Fault, faulty_way
from tests.patience import Machine


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1:7000/3", Address(host="127.0.0.1", port=7000, database=3)),
        ("redis://:p%40ss@h", Address(host="h", password="p@ss")),
        ("redis://u:p@h:1/0?db=2", Address(host="h", port=1, username="u", password="p", database=2)),
        ("rediss://h:1", Address(host="h", port=1, is_tls=True)),
        ("unix:///run/v.sock?db=1&password=p", Address(host="localhost", path="/run/v.sock", password="p", database=1)),
        ("unix://:p@/run/v.sock", Address(host="localhost", path="/run/v.sock", password="p")),
    ],
)  # fmt: skip
def test_addresses(url, address):
    assert Address.parse(url) == address


def _url(port) -> Address:
    return Address.parse(f"redis://:{servers.PASSWORD}@127.0.0.1:{port}/2")


async def _linked(address: Address) -> Link:
    link = Link(address)
    await link.start()
    return link


def test_replies_come_in_the_order_of_the_questions():
    async def ask() -> list[bytes]:
        link = await _linked(Address.parse(settings.REDIS_URL))
        replies = await asyncio.gather(
            *(link.ask(script.encode("ECHO", str(number))) for number in range(1000))
        )
        await link.stop()
        return replies

    assert asyncio.run(ask()) == [str(number).encode() for number in range(1000)]


def test_commands_of_one_tick_are_written_eight_at_a_time():
    async def count() -> int:
        link = await _linked(Address.parse(settings.REDIS_URL))
        written = []
        transport = link._connection._transport
        link._connection._transport = type(
            "Spy",
            (),
            {
                "write": lambda _, data: (written.append(data), transport.write(data)),
                "abort": lambda _: transport.abort(),
            },
        )()
        await asyncio.gather(*(link.ask(script.encode("PING")) for _ in range(100)))
        await link.stop()
        return len(written)

    assert asyncio.run(count()) == 13


def test_error_belongs_to_one_command():
    async def ask() -> list[object]:
        link = await _linked(Address.parse(settings.REDIS_URL))
        commands = [script.encode("PING"), script.encode("NONSENSE"), script.encode("PING")]
        replies = await asyncio.gather(*map(link.ask, commands), return_exceptions=True)
        is_up = link.is_up
        await link.stop()
        return [*replies, is_up]

    first, error, last, is_up = asyncio.run(ask())
    assert (first, last, is_up) == (b"PONG", b"PONG", True)
    assert isinstance(error, LinkDown)


def test_callers_defect_does_not_disturb_the_others():
    async def ask() -> bytes:
        link = await _linked(Address.parse(settings.REDIS_URL))
        link.send(script.encode("PING"), lambda _context, _reply: 1 / 0, None)  # type: ignore[arg-type]
        reply = await link.ask(script.encode("PING"))
        await link.stop()
        return reply

    assert asyncio.run(ask()) == b"PONG"


def test_script_is_given_again_to_a_server_that_forgot_it(valkey):
    async def ask() -> tuple[object, object]:
        link = await _linked(_url(valkey.port))
        await link.ask(script.encode("SCRIPT", "FLUSH"))
        events = script.call(["s"], [script.EVENTS, b"[1]"])
        first, second = await asyncio.gather(link.ask(events), link.ask(script.encode("PING")))
        await link.stop()
        return first, second

    assert asyncio.run(ask()) == (1, b"PONG")


def test_a_server_that_does_not_take_the_script_is_not_asked_for_ever(valkey):
    async def ask() -> object:
        link = await _linked(_url(valkey.port))
        await link.ask(script.encode("SCRIPT", "FLUSH"))
        await link.ask(script.encode("ACL", "SETUSER", "default", "-script|load"))
        try:
            async with asyncio.timeout(60):
                return await link.ask(script.call(["s"], [script.EVENTS, b"[1]"]))
        finally:
            await link.ask(script.encode("ACL", "SETUSER", "default", "+script|load"))
            await link.stop()

    with pytest.raises(LinkDown, match="NOPERM"):
        asyncio.run(ask())


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SWALLOWED, Fault.SLOW])
def test_gives_up_quickly_and_comes_back(valkey, fault, monkeypatch):
    with faulty_way(valkey.port) as way, Machine() as machine:

        async def live() -> tuple[float, float, bool]:
            link = await _linked(_url(way.port))
            await link.ask(script.encode("SET", "k", "v"))
            monkeypatch.setattr(module, "TIMEOUT_SECONDS", patient.REDIS_SECONDS)
            await asyncio.to_thread(way.break_by, fault)
            started = time.monotonic()
            with pytest.raises(LinkDown):
                await link.ask(script.encode("GET", "k"))
            gave_up_after = time.monotonic() - started
            await asyncio.sleep(1)
            was_down = not link.is_up
            await asyncio.to_thread(way.heal)
            started = time.monotonic()
            while not link.is_up:
                await asyncio.sleep(0.01)
            monkeypatch.setattr(module, "TIMEOUT_SECONDS", patient.SECONDS)
            assert await link.ask(script.encode("GET", "k")) == b"v"
            came_back_after = time.monotonic() - started
            await link.stop()
            return gave_up_after, came_back_after, was_down

        gave_up_after, came_back_after, was_down = asyncio.run(live())

    assert was_down
    assert gave_up_after < 0.6 + machine.stood_still
    assert came_back_after < 3 + machine.stood_still


def test_what_was_never_written_is_known_not_to_be_done(valkey):
    async def live() -> list[object]:
        link = await _linked(_url(valkey.port))
        replies: list[object] = []
        written, unwritten = (script.encode("SET", name, "v") for name in ("a", "b"))
        link.send(written, lambda _context, reply: replies.append(type(reply)), None)
        await asyncio.sleep(0)
        link.send(unwritten, lambda _context, reply: replies.append(type(reply)), None)
        link._connection.abort()
        await link.stop()
        return replies

    assert asyncio.run(live()) == [LinkDown, NotDone]


def test_what_found_no_script_is_known_not_to_be_done(valkey):
    async def live() -> object:
        link = await _linked(_url(valkey.port))
        await link.ask(script.encode("SCRIPT", "FLUSH"))
        asked = asyncio.create_task(link.ask(script.call(["s"], [script.EVENTS, b"[1]"])))
        while link._connection.pending != 1 or link._connection._answered < 5:
            await asyncio.sleep(0)
        link._connection.abort()
        try:
            return await asked
        finally:
            await link.stop()

    with pytest.raises(NotDone):
        asyncio.run(live())


def test_wrong_password_is_no_connection(valkey):
    async def live() -> bool:
        link = await _linked(Address(host="127.0.0.1", port=valkey.port, password="wrong"))
        is_up = link.is_up
        with pytest.raises(LinkDown):
            await link.ask(script.encode("PING"))
        await link.stop()
        return is_up

    assert asyncio.run(live()) is False


def test_nobody_waits_for_a_server_that_is_not_there():
    async def live() -> float:
        link = await _linked(Address(host="127.0.0.1", port=1))
        started = time.monotonic()
        for _ in range(1000):
            link.send(b"", lambda _context, reply: None, None)
        await link.stop()
        return time.monotonic() - started

    with Machine() as machine:
        took = asyncio.run(live())

    # Each would have to wait for a quarter of a second.
    assert took < 2 + machine.stood_still


def test_a_connection_that_ends_with_its_greeting_is_none():
    """As when a server is told to close all its connections again and again: the next one must be tried."""
    connections = 0

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(65536)
        writer.write(b"$1\r\nx\r\n")
        if connections > 3:
            await reader.read(65536)
            writer.write(b"+PONG\r\n")
            await reader.read(65536)
        # What was written arrives together with the end of the connection.
        writer.close()

    async def ask() -> object:
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        link = await _linked(Address(host="127.0.0.1", port=server.sockets[0].getsockname()[1]))
        try:
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(LinkDown):
                        return await link.ask(script.encode("PING"))
                    await asyncio.sleep(0.02)
        finally:
            await link.stop()
            server.close()
            await asyncio.sleep(0.05)

    assert asyncio.run(ask()) == b"PONG"
    assert connections == 4


def test_socket_files_are_spoken_to(valkey):
    async def ask() -> bytes:
        address = Address(path=str(valkey.socket_path), password=servers.PASSWORD)
        link = await _linked(address)
        reply = await link.ask(script.encode("PING"))
        await link.stop()
        return reply

    assert asyncio.run(ask()) == b"PONG"


def test_batch_is_confirmed_once(valkey):
    async def live() -> list[bool]:
        link = await _linked(_url(valkey.port))
        ends: list[bool] = []
        link.send_all([script.encode("PING")] * 3, ends.append)
        link.send_all([script.encode("PING"), script.encode("NONSENSE")], ends.append)
        await link.ask(script.encode("PING"))
        await link.stop()
        link.send_all([script.encode("PING")], ends.append)
        return ends

    assert asyncio.run(live()) == [True, False, False]
