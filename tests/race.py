"""Races: over HTTP, where all last bytes come at once, and between threads that start together."""

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction

_TIMEOUT = 60.0
# Long enough for the server to have read everything and to wait for one byte on each connection.
_SETTLE = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of the racers got."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def post(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> bytes:
    """Return one complete request."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def run(url: str, requests: Sequence[bytes]) -> list[Answer]:
    """Send the requests, each on a connection of its own, so that all become complete together."""
    where = urlsplit(url)
    with ExitStack() as stack:
        racers = [
            stack.enter_context(socket.create_connection((where.hostname, where.port), _TIMEOUT))
            for _ in requests
        ]
        for racer, request in zip(racers, requests, strict=True):
            racer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            racer.sendall(request[:-1])
        time.sleep(_SETTLE)
        for racer, request in zip(racers, requests, strict=True):
            racer.send(request[-1:])
        return [_answer(racer) for racer in racers]


def _answer(racer: socket.socket) -> Answer:
    response = HTTPResponse(racer)
    response.begin()
    return Answer(status=response.status, body=response.read())


def together(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Do the work in as many threads at once and return what each returned or raised.

    Each thread opens its database connection before any begins, since opening takes longer than most races last.
    """
    start = threading.Barrier(times)
    outcomes: list[Any] = [None] * times

    def run_one(number: int) -> None:
        connection.ensure_connection()
        start.wait(_TIMEOUT)
        try:
            outcomes[number] = work(number)
        except Exception as error:  # noqa: BLE001  whatever it is, the test looks at it
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run_one, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run different acts together and return what each gave or raised, in their order."""
    return together(len(acts), lambda number: acts[number]())


def behind(first: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """Do one thing in a transaction, begin another meanwhile, and return what that gave or raised after the commit.

    The other one has to wait: it needs something that the first one holds.
    """
    return all_behind(first, [then])[0]


def all_behind(first: Callable[[], Any], then: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do one thing in a transaction, begin several others meanwhile, and return what each gave or raised after the commit."""
    outcomes: list[Any] = [None] * len(then)

    def run(number: int) -> None:
        try:
            outcomes[number] = then[number]()
        except Exception as error:  # noqa: BLE001  whatever it is, the test looks at it
            outcomes[number] = error
        finally:
            connection.close()

    racers = [threading.Thread(target=run, args=(number,)) for number in range(len(then))]
    with transaction.atomic():
        first()
        for racer in racers:
            racer.start()
        time.sleep(_SETTLE)
        assert all(racer.is_alive() for racer in racers), "it did not wait"
    for racer in racers:
        racer.join(_TIMEOUT)
    return outcomes
