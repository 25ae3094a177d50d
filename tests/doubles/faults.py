"""A TCP proxy that stands between the product and a server and can refuse, swallow, delay or cut its connections."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from tests.ports import free_port


class Fault(Enum):
    """What is wrong with the way to the server."""

    NONE = "none"
    REFUSED = "refused"
    SWALLOWED = "swallowed"
    SLOW = "slow"


@dataclass
class FaultyWay:
    """The proxy while it runs. A fault holds for connections that are open already, too."""

    port: int
    target: int
    delay: float = 0.5
    fault: Fault = Fault.NONE
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _stopped: asyncio.Event = field(init=False)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def break_by(self, fault: Fault) -> None:
        """Let a fault begin."""
        self._call(self._change(fault))

    def heal(self) -> None:
        """Let the way be as it should be; what was swallowed stays lost with its connection."""
        self._call(self._change(Fault.NONE))

    def cut(self) -> None:
        """End every connection at once and accept new ones."""
        self._call(self._cut())

    def stop(self) -> None:
        """End every connection and the proxy."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def live(self, is_ready: threading.Event) -> None:
        """Serve until stopped."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        await self._listen()
        is_ready.set()
        await self._stopped.wait()
        await self._close()
        while self._writers:
            await asyncio.sleep(0.001)

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _change(self, fault: Fault) -> None:
        was_swallowing = self.fault is Fault.SWALLOWED
        self.fault = fault
        if fault is Fault.REFUSED:
            await self._close()
            return
        if was_swallowing:
            await self._cut()
        if self._server is None:
            await self._listen()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = [writer]
        try:
            with suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(
                    "127.0.0.1", self.target
                )
                mine.append(server_writer)
                self._writers.update(mine)
                await asyncio.gather(
                    self._carry(reader, server_writer), self._carry(server_reader, writer)
                )
        finally:
            self._writers.difference_update(mine)
            for each in mine:
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(65536):
                if self.fault is Fault.SWALLOWED:
                    continue
                if self.fault is Fault.SLOW:
                    await asyncio.sleep(self.delay)
                writer.write(block)
                await writer.drain()
        writer.close()


@contextmanager
def faulty_way(target: int) -> Iterator[FaultyWay]:
    """Run a proxy to a port of the loopback."""
    way, is_ready = FaultyWay(port=free_port(), target=target), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(way.live(is_ready)), daemon=True)
    thread.start()
    assert is_ready.wait(timeout=60)
    try:
        yield way
    finally:
        way.stop()
        thread.join(timeout=60)


def way_to_postgresql() -> AbstractContextManager[FaultyWay]:
    """Run a proxy before the tests' own PostgreSQL."""
    port = urlsplit(os.environ["DATABASE_URL"]).port
    assert port
    return faulty_way(port)
