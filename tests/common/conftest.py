"""Servers that answer as a script says."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.common.scripted import Server


@pytest.fixture
def serving(settings) -> Iterator[Callable[..., Server]]:
    """Return what starts servers on the loopback, which may be called; they take no connections after the test."""
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    servers: list[Server] = []

    def start(*scripts: bytes | Callable[[socket.socket], None] | None) -> Server:
        servers.append(Server(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
