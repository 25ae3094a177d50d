"""Races over HTTP: every request but its last byte is sent first, then all last bytes at once."""

import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT = 20.0
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
