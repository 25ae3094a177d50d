"""What the gate adds to a server's connections: requests of its own in their queue, and one clock for all of them."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from apikeys.gateway.answers import Answer
from apikeys.gateway.frontend import Frontend, Target
from apikeys.gateway.questions import Head


class Connection(Protocol):
    """What a request of ours needs of the connection it came on."""

    peer: str | None

    def answer(self, cycle: "GateCycle", status: int, head: bytes, body: bytes) -> None:
        """Write one answer."""


_NOTHING = Head(Target(""), b"", {}, (), keeps_alive=False)


class _NoEvent:
    """Stands where uvicorn's cycles keep the event that wakes an ASGI application."""

    def set(self) -> None:
        """Wake nobody."""


class GateCycle:
    """One request of ours in uvicorn's queue of requests, and the sink of its answer."""

    message_event = _NoEvent()

    def __init__(self, connection: Connection, head: Head, body: bytes) -> None:
        self.response_complete = self.disconnected = False
        self.connection = connection
        self.head = head
        self.keep_alive = head.keeps_alive
        self.body = body
        self.peer = connection.peer

    def begin(self, frontend: Frontend | None) -> None:
        """Put the question to the gate that ran when the request came."""
        assert frontend is not None
        frontend.handle(self)

    def composed(self, status: int, head: bytes, body: bytes) -> bytes:
        """Return an answer as it goes over the wire."""
        parts = [STATUS_LINE[status], head]
        if status != 204:
            parts.append(b"content-length: %d\r\n" % len(body))
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if self.head.method != b"HEAD":
            parts.append(body)
        return b"".join(parts)

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        """Write the answer unless the client has gone."""
        self.response_complete = True
        if not self.disconnected:
            self.connection.answer(self, status, head, body)


class FixedCycle(GateCycle):
    """What could not be read as a request, with its answer, waiting for its turn; the connection ends with it."""

    def __init__(self, connection: Connection, answer: Answer) -> None:
        super().__init__(connection, _NOTHING, b"")
        self._answer = answer

    def begin(self, _frontend: Frontend | None) -> None:
        """Deliver the answer."""
        self.deliver(*self._answer)


class Clock:
    """Seconds as the sweep sees them, and the sweep itself: one timer for all connections of a server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        self._loop = loop
        self._connections = connections
        self._is_armed = False
        self.now = loop.time()

    def arm(self) -> None:
        """Sweep from now on, for as long as there are connections."""
        if not self._is_armed:
            self._is_armed = True
            self.now = self._loop.time()
            self._loop.call_later(1.0, self._sweep)

    def _sweep(self) -> None:
        self._is_armed = False
        self.now = self._loop.time()
        for connection in list(self._connections):
            # A connection that became a WebSocket has other rules.
            if hasattr(connection, "check_time"):
                connection.check_time(self.now)
        if self._connections:
            self.arm()


_clocks: "WeakKeyDictionary[Any, Clock]" = WeakKeyDictionary()


def clock_of(loop: asyncio.AbstractEventLoop, server_state: Any) -> Clock:
    """Return the clock of a server, running."""
    clock = _clocks.get(server_state)
    if clock is None:
        clock = _clocks[server_state] = Clock(loop, server_state.connections)
    clock.arm()
    return clock
