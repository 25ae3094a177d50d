"""The gate's ear: announcements that a key, an organization or an API changed. They hurry it; versions are the truth."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import hiredis
import orjson

from apikeys.gateway import script
from apikeys.gateway.link import Address

_PING_SECONDS: Final = 1.0
_SILENCE_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.5


class _Ear(asyncio.Protocol):
    """One connection in subscription mode."""

    def __init__(self, on_reply: Callable[[Any], None]) -> None:
        self._reader = hiredis.Reader()
        self._on_reply = on_reply
        self.transport: asyncio.Transport | None = None
        self.heard_at = asyncio.get_running_loop().time()
        self.is_lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # TCP and socket files are Transports

    def data_received(self, data: bytes) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._on_reply(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_lost.set()

    def write(self, *commands: bytes) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(commands))

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Subscription:
    """Listens on one channel for as long as the process lives."""

    def __init__(
        self,
        address: Address,
        channel: str,
        on_message: Callable[[dict[str, Any]], None],
        on_connected: Callable[[], None],
    ) -> None:
        self._address = address
        self._channel = channel
        self._on_message = on_message
        self._on_connected = on_connected
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen in the background."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                await self._listen()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self) -> None:
        ears: list[_Ear] = []

        def make() -> _Ear:
            ears.append(_Ear(self._on_reply))
            return ears[-1]

        try:
            await self._address.connect(make)
            ear = ears[-1]
            ear.write(*self._address.greeting(), script.encode("SUBSCRIBE", self._channel))
            while not ear.is_lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ear.is_lost.wait(), _PING_SECONDS)
                ear.write(script.encode("PING"))
                if asyncio.get_running_loop().time() - ear.heard_at > _SILENCE_SECONDS:
                    break
        finally:
            # One that was made just as the time was up is not left open, either.
            for ear in ears:
                ear.abort()

    def _on_reply(self, reply: Any) -> None:
        if not isinstance(reply, list) or not reply:
            return
        if reply[0] == b"subscribe":
            self._on_connected()
        elif reply[0] == b"message":
            with contextlib.suppress(orjson.JSONDecodeError):
                message = orjson.loads(reply[2])
                if isinstance(message, dict):
                    self._on_message(message)
