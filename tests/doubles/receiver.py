"""A customer's endpoint: keeps what it is sent and answers as its path, or the test, says."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    method: str = "POST"

    @property
    def message_id(self) -> str:
        """The message that was delivered."""
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """The endpoint while it runs. `answer` gives the bytes to answer with, or None for silence.

    `behaviour` is one of those that paths ask for, and is shown whatever is asked.
    """

    port: int
    scheme: str = "http"
    answer: Callable[[Call], bytes | None] | None = None
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    is_keeping: bool = True
    behaviour: str = ""
    open: set[asyncio.Transport] = field(default_factory=set)

    def url(self, path: str = "/hook") -> str:
        """Where to send."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        """The messages in the order in which they came."""
        return [call.message_id for call in self.calls]

    def calls_to(self, path: str) -> list[Call]:
        """What came to one path."""
        return [call for call in self.calls if call.path == path]


def response(status: int, *headers: str, body: bytes = b"ok") -> bytes:
    """Return a whole answer."""
    head = [f"HTTP/1.1 {status} As-Asked", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


class _Connection(asyncio.Protocol):
    """Reads requests, which may share a connection, and answers each."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._read = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.connections += 1
        self._receiver.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiver.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            head, separator, rest = self._read.partition(b"\r\n\r\n")
            if not separator:
                return
            lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines[1:])
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self._read = rest[length:]
            method, path, _ = lines[0].split(" ")
            call = Call(path, headers, rest[:length], monotonic(), method)
            self._take(call)

    def _take(self, call: Call) -> None:
        if self._receiver.is_keeping:
            self._receiver.calls.append(call)
        if self._receiver.behaviour:
            _BEHAVIOURS[self._receiver.behaviour](self._transport, call)
            return
        answer = self._receiver.answer(call) if self._receiver.answer else None
        if answer is not None:
            self._transport.write(answer)
            return
        behave = _BEHAVIOURS.get(call.path.split("/")[1])
        if behave is not None:
            behave(self._transport, call)
        elif self._receiver.answer is None:
            self._transport.write(_OK)


_OK = response(200)


def _status(transport: asyncio.Transport, call: Call) -> None:
    _, _, status, *rest = call.path.split("/")
    transport.write(response(int(status), *(f"Retry-After: {wait}" for wait in rest)))


def _dripping(begin: bytes) -> Callable[[asyncio.Transport, Call], None]:
    """Answer with a byte now and then."""

    def answer(transport: asyncio.Transport, _call: Call) -> None:
        transport.write(begin)
        loop = asyncio.get_running_loop()

        def drop() -> None:
            if not transport.is_closing():
                transport.write(b".")
                loop.call_later(0.2, drop)

        drop()

    return answer


def _pouring(begin: bytes, block: bytes) -> Callable[[asyncio.Transport, Call], None]:
    """Answer without an end."""

    def answer(transport: asyncio.Transport, _call: Call) -> None:
        transport.write(begin)
        loop = asyncio.get_running_loop()

        def pour() -> None:
            if not transport.is_closing():
                if transport.get_write_buffer_size() < 1 << 20:
                    transport.write(block)
                loop.call_later(0.0005, pour)

        pour()

    return answer


def _bomb(transport: asyncio.Transport, _call: Call) -> None:
    packed = gzip.compress(b"\0" * (50 << 20), 9)
    transport.write(response(200, "Content-Encoding: gzip", body=packed))


def _redirect(transport: asyncio.Transport, call: Call) -> None:
    port = transport.get_extra_info("sockname")[1]
    transport.write(response(301, f"Location: http://127.0.0.1:{port}/redirected"))


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_BEHAVIOURS: dict[str, Callable[[asyncio.Transport, Call], None]] = {
    "status": _status,
    "hang": lambda _transport, _call: None,
    "reset": lambda transport, _call: transport.abort(),
    "drip": _dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "drip-head": _dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "endless": _pouring(_CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "endless-head": _pouring(
        b"HTTP/1.1 200 OK\r\n", b"".join(b"X-%d: %s\r\n" % (n, b"y" * 4000) for n in range(16))
    ),
    "endless-trailer": _pouring(_CHUNKED + b"0\r\nX: ", b"z" * 65536),
    "bomb": _bomb,
    "redirect": _redirect,
    "garbage": lambda transport, _call: transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
}


@contextmanager
def running_receiver(certificate: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on a free port of the loopback from a thread of this process."""
    receiver = Receiver(0, "https" if certificate else "http")
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: _Connection(receiver), "127.0.0.1", 0, ssl=certificate)
    )
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(_closed(server, receiver), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


async def _closed(server: asyncio.Server, receiver: Receiver) -> None:
    server.close()
    for transport in list(receiver.open):
        transport.abort()
    while receiver.open:
        await asyncio.sleep(0.001)
