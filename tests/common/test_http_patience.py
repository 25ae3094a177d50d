"""How long the outbound client waits: for answers, for addresses, and with connections that nobody uses."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.common import destinations, http
from config.common.http import Answer, Client, Trouble
from tests.common.scripted import OK, Server, post
from tests.patience import at_most

# The loop counts milliseconds, and may call a time reached that much before it is.
GRAIN = 0.002


def test_silence_ends_before_the_whole_patience(serving, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    server = serving(lambda _connection: None)

    with at_most(1):
        [answer] = post(server.url)

    assert (answer.trouble, answer.address) == (Trouble.TIMED_OUT, "127.0.0.1")
    assert answer.seconds >= 0.1 - GRAIN


def test_a_server_that_keeps_talking_is_not_silent(serving, monkeypatch):
    patience = 0.1
    monkeypatch.setattr(http, "TOTAL_SECONDS", 200)

    def slowly(connection: socket.socket) -> None:
        for byte in OK:
            connection.sendall(bytes([byte]))
            time.sleep(patience / 10)

    monkeypatch.setattr(http, "READ_SECONDS", patience)
    [answer] = post(serving(slowly).url)
    while answer.trouble is not None and patience < 5:  # the machine itself was silent
        patience *= 7
        monkeypatch.setattr(http, "READ_SECONDS", patience)
        [answer] = post(serving(slowly).url)

    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.seconds > 3 * patience


def test_a_silent_connection_is_closed_in_time(serving, monkeypatch):
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 0.05)
    server = serving(OK, OK)

    answers = post(server.url, times=2, pause=0.2)

    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 2


def test_whoever_gives_up_leaves_no_connection_behind(serving):
    asked, closed = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        asked.set()
        if connection.recv(1) == b"":
            closed.set()

    server = serving(wait)

    async def give_up() -> None:
        async with Client() as client:
            question = asyncio.create_task(client.post(server.url, headers={}, body=b"{}"))
            assert await asyncio.to_thread(asked.wait, 60)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question
            assert await asyncio.to_thread(closed.wait, 60)

    asyncio.run(give_up())


@contextmanager
def _full_server() -> Iterator[int]:
    """Hold a port that takes no connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        place = listener.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(place)
            waiting.append(one)
        yield place[1]
        for one in waiting:
            one.close()


def test_the_next_address_of_a_name_is_tried_soon(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    monkeypatch.setattr(destinations, "addresses_of", lambda _host: ["127.0.0.2", "127.0.0.1"])
    with _full_server() as port, socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(OK)
            connection.recv(1)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        with at_most(2):
            [answer] = post(f"http://two.example:{port}/")

    assert (answer.status, answer.address) == (200, "127.0.0.1")


def test_names_that_are_never_answered_hold_up_no_other(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    is_over = threading.Event()

    def look_up(host: str) -> list[str]:
        if host == "quick.example":
            return ["127.0.0.1"]
        is_over.wait(60)
        raise OSError("no answer")

    monkeypatch.setattr(destinations, "addresses_of", look_up)
    server = Server(OK)

    async def ask() -> list[Answer]:
        async with Client() as client:
            slow = [
                asyncio.create_task(
                    client.post(f"http://{n}.slow.example/", headers={}, body=b"{}")
                )
                for n in range(200)
            ]
            await asyncio.sleep(0)
            quick = await client.post(
                server.url.replace("127.0.0.1", "quick.example"), headers={}, body=b"{}"
            )
            is_over.set()
            return [quick, *await asyncio.gather(*slow)]

    quick, *others = asyncio.run(ask())
    server.close()

    assert quick.status == 200
    assert {other.trouble for other in others} <= {Trouble.UNREACHABLE, Trouble.TIMED_OUT}


def test_an_address_that_takes_no_connection_is_waited_for_so_long(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    with _full_server() as port, at_most(1):
        [answer] = post(f"http://127.0.0.2:{port}/")

    assert (answer.trouble, answer.address) == (Trouble.TIMED_OUT, None)
    assert answer.seconds >= 0.2 - GRAIN


def test_a_server_that_never_greets_is_left(serving, monkeypatch):
    """TLS that does not begin: the connection is given up, and closed."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(65536):
                    pass
            gone.set()

        threading.Thread(target=listen, daemon=True).start()
        serving()
        with at_most(1.5):
            [answer] = post(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        assert gone.wait(60)

    assert answer.trouble == Trouble.TIMED_OUT
    assert answer.seconds >= 0.2 - GRAIN
