"""What Python itself costs of one call: connections fed in the process, without sockets or a kernel.

Run as `python -m bench.gate_python [rounds]`. The rest of a call's processor time, as `make bench` measures it, is the
kernel's: receiving, sending and waking up the client. The least of all rounds is printed; it is steady on a busy machine.
"""

import asyncio
import os
import sys
import time
from typing import Any

from bench.gate_profile import DATABASES, requests_of  # first: it starts the servers

import uvloop  # isort: skip
from django.conf import settings  # isort: skip
from uvicorn.config import Config  # isort: skip
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # isort: skip
from uvicorn.server import ServerState  # isort: skip

from apikeys.gateway import app as gate  # isort: skip
from apikeys.gateway.protocol import GateProtocol  # isort: skip
from bench.hello import application  # isort: skip
from tests.doubles.house import House, open_house  # isort: skip

_CONNECTIONS, _CALLS = 32, 6_400


class _Silence:
    """A transport that counts what is written and sends nothing."""

    answers = 0

    def write(self, _data: bytes) -> None:
        self.answers += 1

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def pause_reading(self) -> None:
        """Nothing is read."""

    resume_reading = close = pause_reading


class _Crowd:
    """Connections of one kind, and the requests that come on them in turn."""

    def __init__(self, protocol: type[Any], requests: list[bytes], answers_each: int) -> None:
        config = Config(application, http=protocol, lifespan="off", access_log=False)
        config.load()
        state = ServerState()
        self.silences = [_Silence() for _ in range(_CONNECTIONS)]
        self.connections = [protocol(config, state, {}) for _ in self.silences]
        for connection, silence in zip(self.connections, self.silences, strict=True):
            connection.connection_made(silence)
        self.requests, self.answers_each = requests, answers_each
        self.least = float("inf")

    async def round(self) -> None:
        """Feed one round and keep the least time of one call, in microseconds."""
        began, sent, before = time.process_time(), 0, self._answers()
        while sent < _CALLS:
            for connection in self.connections:
                connection.data_received(self.requests[sent % len(self.requests)])
                sent += 1
            await asyncio.sleep(0)
            while self._answers() < before + sent * self.answers_each:  # noqa: ASYNC110  nothing tells when it came
                await asyncio.sleep(0.001)
        self.least = min(self.least, 1e6 * (time.process_time() - began) / _CALLS)

    def _answers(self) -> int:
        return sum(silence.answers for silence in self.silences)


async def _measure(house: House, rounds: int) -> dict[str, float]:
    await gate.startup()
    hello = [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]
    crowds = {
        "bare ASGI hello": _Crowd(HttpToolsProtocol, hello, 2),
        "gate, leased, 10 keys": _Crowd(GateProtocol, _wire(house, "/leased/a", 10), 1),
        "gate, strict, 1,000 keys": _Crowd(GateProtocol, _wire(house, "/a", 1000), 1),
    }
    await asyncio.sleep(1)  # until the gate has the rules
    for _ in range(rounds):
        for crowd in crowds.values():
            await crowd.round()
    await gate.shutdown()
    return {name: crowd.least for name, crowd in crowds.items()}


def _wire(house: House, uri: str, number: int) -> list[bytes]:
    lines = requests_of(house, uri, number)
    return [line.replace("\\r\\n", "\r\n").encode() for line in lines]


def main() -> None:
    """Furnish a database, measure, print."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # keys are made on the loop's thread
    settings.GATEWAY_TRUSTED_PROXIES = ["127.0.0.0/8"]
    rounds = int((*sys.argv[1:], "10")[0])
    try:
        with open_house(DATABASES.clone) as house:
            house.rule("/leased/*", mode="leased")
            for name, micros in uvloop.run(_measure(house, rounds)).items():
                print(f"{name:26} {micros:6.2f} µs")
    finally:
        DATABASES.drop()


if __name__ == "__main__":
    main()
