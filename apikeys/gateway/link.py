"""A Redis client for one event loop: a tick's commands are written a few at a time, replies are matched in order.

It never waits for long: a connection whose oldest command is unanswered for 250 ms is given up, its callers are told
so, and until a new connection has proved itself `is_up` is false and nobody tries.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
import structlog

from apikeys.gateway import script

logger = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 0.25
_WATCH_SECONDS: Final = 0.05
_BACK_OFF_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
_MAX_PENDING: Final = 50_000
# Commands that are written without waiting for the tick's end: the server works on them meanwhile.
_TOGETHER: Final = 8
# Answers of a server that cannot serve for the moment; everything else that is an error belongs to one command.
NOT_SERVING: Final = ("LOADING", "MASTERDOWN", "READONLY", "BUSY ", "NOAUTH")

Reply = Any
Ask = Callable[[bytes], Awaitable[Reply]]
Callback = Callable[[Any, Reply], None]


class LinkDown(Exception):
    """The connection was lost, or never stood, before the reply came."""


class NotDone(LinkDown):
    """The command was not carried out for certain: the server refused it, or it was never sent."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is and how to enter; read from `redis://`, `rediss://` and `unix://` URLs."""

    host: str = ""
    port: int = 6379
    path: str = ""
    username: str = ""
    password: str = ""
    database: int = 0
    is_tls: bool = False

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a URL as redis-py does."""
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        is_socket = parts.scheme == "unix"
        number = query.get("db") or ("" if is_socket else parts.path.strip("/"))
        return cls(
            host=unquote(parts.hostname or "localhost"),
            port=parts.port or 6379,
            path=unquote(parts.path) if is_socket else "",
            username=unquote(parts.username or query.get("username", "")),
            password=unquote(parts.password or query.get("password", "")),
            database=int(number or 0),
            is_tls=parts.scheme == "rediss",
        )

    def greeting(self) -> list[bytes]:
        """Return the commands that a new connection begins with."""
        commands = []
        if self.password:
            login = [self.username, self.password] if self.username else [self.password]
            commands.append(script.encode("AUTH", *login))
        if self.database:
            commands.append(script.encode("SELECT", self.database))
        return commands

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> None:
        """Open a connection for a protocol."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if self.path:
                await loop.create_unix_connection(factory, self.path)
            else:
                context = ssl.create_default_context() if self.is_tls else None
                await loop.create_connection(factory, self.host, self.port, ssl=context)


class RedisConnection(asyncio.Protocol):
    """One connection: a queue of commands to write and a queue of callers that wait for their replies."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._waiting: deque[tuple[Callback, Any, bytes]] = deque()
        self._marks: deque[tuple[int, float]] = deque()
        self._sent = 0
        self._answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # TCP and socket files are Transports

    def send(self, command: bytes, callback: Callback, context: Any) -> None:
        """Queue one command; the callback gets the context and the reply, or LinkDown."""
        out = self._out
        if not out:
            self._loop.call_soon(self._flush)
        out.append(command)
        self._waiting.append((callback, context, command))
        if len(out) == _TOGETHER:
            self._flush()

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    @property
    def pending(self) -> int:
        """How many replies are awaited."""
        return len(self._waiting)

    def _flush(self) -> None:
        if self._transport is None or not self._out:
            return
        self._sent += len(self._out)
        self._marks.append((self._sent, self._loop.time()))
        self._transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        """Hand each complete reply to whoever waits for it."""
        self._reader.feed(data)
        try:
            while self._waiting:
                reply = self._reader.gets()
                if reply is False:
                    break
                callback, context, command = self._waiting.popleft()
                self._answered += 1
                if isinstance(reply, hiredis.ReplyError):
                    self._on_error(str(reply), callback, context, command)
                else:
                    _tell(callback, context, reply)
        except hiredis.ProtocolError:
            self.abort()

    def _on_error(self, message: str, callback: Callback, context: Any, command: bytes) -> None:
        if message.startswith("NOSCRIPT"):
            # The server was emptied or restarted in between: give it the script again and repeat the command.
            loading = script.encode("SCRIPT", "LOAD", script.TEXT)
            self.send(loading, self._repeat, (callback, context, command))
            return
        _tell(callback, context, NotDone(message))
        if message.startswith(NOT_SERVING):
            self.abort()

    def _repeat(self, asked: tuple[Callback, Any, bytes], loaded: Reply) -> None:
        callback, context, command = asked
        if isinstance(loaded, LinkDown):
            # A server that does not take the script would ask for it again and again. It did not run, whatever came of
            # the loading.
            _tell(callback, context, NotDone(str(loaded)))
        else:
            self.send(command, callback, context)

    def is_overdue(self) -> bool:
        """Whether the oldest written command is unanswered for too long."""
        while self._marks and self._marks[0][0] <= self._answered:
            self._marks.popleft()
        return bool(self._marks) and self._loop.time() - self._marks[0][1] > TIMEOUT_SECONDS

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell every caller that no reply will come."""
        if self._transport is None:
            return
        self._transport = None
        self._on_lost()
        lost, self._waiting = self._waiting, deque()
        written = len(lost) - len(self._out)
        self._out.clear()
        for place, (callback, context, _command) in enumerate(lost):
            kind = LinkDown if place < written else NotDone
            _tell(callback, context, kind("the connection was lost"))


def _tell(callback: Callback, context: Any, reply: Reply) -> None:
    try:
        callback(context, reply)
    except Exception:
        # One caller's defect must not disturb the replies of the others.
        logger.exception("gate_callback_failed")


async def _nothing(_ask: Ask) -> None:
    return


@dataclass(slots=True)
class Link:
    """The connection that is kept: opened again with growing pauses, watched for overdue replies."""

    address: Address
    on_up: Callable[[], None] = lambda: None
    # What has to be done on a new connection before anybody may use it; nobody waits for it.
    prepare: Callable[[Ask], Awaitable[None]] = _nothing
    is_up: bool = False
    _connection: RedisConnection | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Try to connect once, then keep trying in the background."""
        await self._try_connect()
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Stop for good; callers that still wait are told so."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            self._connection.abort()
        self.is_up = False

    def send(self, command: bytes, callback: Callback, context: Any) -> None:
        """Send one command. The callback is called with LinkDown, at once when the link is known to be down."""
        connection = self._connection
        if connection is None or not self.is_up or connection.pending > _MAX_PENDING:
            callback(context, NotDone("the link is down"))
        else:
            connection.send(command, callback, context)

    def send_all(self, commands: Iterable[bytes], on_end: Callable[[bool], None]) -> None:
        """Send several commands and learn once whether all of them were answered well."""
        batch = list(commands)
        left, is_well = len(batch), True

        def count(_context: None, reply: Reply) -> None:
            nonlocal left, is_well
            left -= 1
            is_well = is_well and not isinstance(reply, LinkDown)
            if left == 0:
                on_end(is_well)

        for command in batch:
            self.send(command, count, None)

    async def ask(self, command: bytes) -> Reply:
        """Send one command and wait for its reply. Raises LinkDown."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.send(command, _settle, future)
        return await future

    async def _try_connect(self) -> None:
        connection: RedisConnection | None = None

        def lost() -> None:
            if self._connection is connection:
                self.is_up = False
                self._lost.set()

        def make() -> RedisConnection:
            nonlocal connection
            connection = RedisConnection(lost)
            return connection

        with contextlib.suppress(OSError, TimeoutError, LinkDown):
            await self.address.connect(make)
            self._connection = connection
            await asyncio.wait_for(self._greet(), TIMEOUT_SECONDS)
            await self.prepare(self._ask_unproved)
            # It may have ended with the greeting's last reply, before this task went on.
            self.is_up = connection is not None and connection.is_open
        if self.is_up:
            self._lost.clear()
            self.on_up()
        elif connection is not None:
            connection.abort()

    async def _greet(self) -> None:
        commands = (*self.address.greeting(), script.encode("SCRIPT", "LOAD", script.TEXT))
        await asyncio.gather(*map(self._ask_unproved, commands))

    async def _ask_unproved(self, command: bytes) -> Reply:
        assert self._connection is not None
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._connection.send(command, _settle, future)
        return await asyncio.wait_for(future, TIMEOUT_SECONDS)

    async def _keep(self) -> None:
        failures = 0
        while True:
            if self.is_up:
                failures = 0
                await self._lost.wait()
            await asyncio.sleep(_BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)])
            await self._try_connect()
            failures += 1

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self.is_up and self._connection is not None and self._connection.is_overdue():
                self._connection.abort()


def _settle(future: "asyncio.Future[Reply]", reply: Reply) -> None:
    if future.done():
        return
    if isinstance(reply, LinkDown):
        future.set_exception(reply)
    else:
        future.set_result(reply)
