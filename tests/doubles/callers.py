"""Many clients of the gate at once, as a proxy would ask it: raw HTTP/1.1 on kept connections, each answer noted."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as a client saw it; status 0 says that there was none."""

    request_id: str
    status: int
    sent_at: float
    got_at: float
    head: bytes

    def header(self, name: str) -> str | None:
        """Return one header of the answer."""
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return None


@dataclass
class Tally:
    """Everything the clients saw."""

    answers: list[Seen] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was seen."""
        return Counter(seen.status for seen in self.answers)

    @property
    def seconds(self) -> float:
        """From the first question sent to the last answer received."""
        return max(s.got_at for s in self.answers) - min(s.sent_at for s in self.answers)

    def ids(self, status: int) -> set[str]:
        """Return the ids of the calls that were answered with this status."""
        return {seen.request_id for seen in self.answers if seen.status == status}


def question(secret: str, request_id: str, uri: str = "/", query: str = "") -> bytes:
    """Return the bytes with which a proxy asks about one call."""
    return (
        f"GET /gateway/authorize{query} HTTP/1.1\r\nHost: gate\r\nX-API-Key: {secret}\r\n"
        f"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: {uri}\r\nX-Forwarded-For: 192.0.2.9\r\n"
        f"X-Request-Id: {request_id}\r\n\r\n"
    ).encode()


class Callers:
    """Clients that ask one after another, each on a connection of its own, until told or until all is asked."""

    def __init__(self, ports: Sequence[int], secrets: Sequence[str], *, uri: str = "/") -> None:
        self._ports = ports
        self._secrets = itertools.cycle(secrets)
        self._uri = uri
        self._numbers = itertools.count()
        self._run = f"{time.time_ns():x}"
        self.tally = Tally()
        self._seen: Counter[int] = Counter()
        self.pace: float = 0.0

    def for_seconds(self, seconds: float, *, connections: int) -> Tally:
        """Ask for so long."""
        end = time.monotonic() + seconds
        return self._drive(lambda: time.monotonic() < end, connections)

    def until(self, is_enough: Callable[[Counter[int]], bool], *, connections: int) -> Tally:
        """Ask until what was seen so far of each status is enough."""
        return self._drive(lambda: not is_enough(self._seen), connections)

    def so_often(self, calls: int, *, connections: int) -> Tally:
        """Ask until so many calls passed: refused and unanswered ones are asked again under another id."""
        return self._drive(lambda: self.passed < calls, connections)

    @contextmanager
    def meanwhile(self, *, connections: int) -> Iterator[None]:
        """Ask all the time while the block runs."""
        is_over = threading.Event()
        asking = threading.Thread(
            target=lambda: self._drive(lambda: not is_over.is_set(), connections)
        )
        asking.start()
        try:
            yield
        finally:
            is_over.set()
            asking.join()

    @property
    def passed(self) -> int:
        """How many calls were let through so far."""
        return self._seen[204]

    def _drive(self, goes_on: Callable[[], bool], connections: int) -> Tally:
        asyncio.run(self._all(goes_on, connections))
        return self.tally

    async def _all(self, goes_on: Callable[[], bool], connections: int) -> None:
        ports = itertools.islice(itertools.cycle(self._ports), connections)
        await asyncio.gather(*(self._one(port, goes_on) for port in ports))

    async def _one(self, port: int, goes_on: Callable[[], bool]) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while goes_on():
            request_id = f"{self._run}-{next(self._numbers):08d}"
            sent_at = time.monotonic()
            head = b""
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                streams = streams or await asyncio.open_connection("127.0.0.1", port)
                head = await asyncio.wait_for(
                    _ask(*streams, question(next(self._secrets), request_id, self._uri)),
                    _PATIENCE_SECONDS,
                )
            if not head:
                if streams:
                    streams[1].transport.abort()
                streams = None
            self._note(Seen(request_id, int(head[9:12] or 0), sent_at, time.monotonic(), head))
            if self.pace or not head:
                await asyncio.sleep(self.pace or 0.05)
        if streams:
            streams[1].transport.abort()

    def _note(self, seen: Seen) -> None:
        self.tally.answers.append(seen)
        self._seen[seen.status] += 1


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _length(head)
    if length:
        await reader.readexactly(length)
    return head


def _length(head: bytes) -> int:
    for line in _lines(head):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _lines(head: bytes) -> Iterator[bytes]:
    return iter(head.split(b"\r\n")[1:])


def ask_once(port: int, secret: str, *, uri: str = "/", timeout: float = _PATIENCE_SECONDS) -> Seen:
    """Ask about one call on a connection of its own."""
    request_id = f"once-{time.time_ns():x}"
    sent_at = time.monotonic()

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await _ask(reader, writer, question(secret, request_id, uri))
        finally:
            writer.transport.abort()

    head = b""
    with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        head = asyncio.run(asyncio.wait_for(ask(), timeout))
    return Seen(request_id, int(head[9:12] or 0), sent_at, time.monotonic(), head)
