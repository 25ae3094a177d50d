"""What the gate adds to a server's connections: requests of its own in their queue, and one clock for all of them."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from apikeys.gateway.answers import Answer
from apikeys.gateway.frontend import Frontend, Target
from apikeys.gateway.headers import Headers


class Connection(Protocol):
    """What a request of ours needs of the connection it came on."""

    peer: str | None

    def answer(self, cycle: "GateCycle", status: int, head: bytes, body: bytes) -> None:
        """Write one answer."""


class _NoEvent:
    """Stands where uvicorn's cycles keep the event that wakes an ASGI application."""

    def set(self) -> None:
        """Wake nobody."""


class GateCycle:
    """One request of ours in uvicorn's queue of requests, and the sink of its answer."""

    message_event = _NoEvent()
    # What most requests never change.
    response_complete = False
    disconnected = False
    answer: Answer | None = None

    def __init__(  # noqa: PLR0917  the parts of one request, given on the hot path
        self,
        connection: Connection,
        keep_alive: bool,  # noqa: FBT001
        target: Target | None,
        method: bytes,
        headers: Headers,
        body: bytes,
    ) -> None:
        self.connection = connection
        self.keep_alive = keep_alive
        self.target = target
        self.method = method
        self.headers = headers
        self.body = body

    def begin(self, frontend: Frontend) -> None:
        """Put the question, or deliver the answer that is fixed already."""
        if self.answer is not None:
            self.deliver(*self.answer)
        elif self.target is not None:
            frontend.handle(
                self, self.target, self.method, self.headers, self.body, self.connection.peer
            )

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        """Write the answer unless the client has gone."""
        self.response_complete = True
        if not self.disconnected:
            self.connection.answer(self, status, head, body)


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
