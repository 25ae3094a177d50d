"""A protected API that answers with what reached it: method, path, headers and the size of the body, as JSON."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httptools

_STATUS_PREFIX = "/status/"


@dataclass(frozen=True)
class Call:
    """One request as it arrived; header names are in lower case, values in order of arrival."""

    method: str
    path: str
    headers: dict[str, list[str]]
    body_size: int

    def header(self, name: str) -> str | None:
        """Return the one value of a header, or None when it did not come."""
        values = self.headers.get(name.lower(), [])
        assert len(values) <= 1, f"{name} arrived {len(values)} times"
        return values[0] if values else None


@dataclass
class Upstream:
    """The API while it runs, with the calls it has seen."""

    port: int
    calls: list[Call] = field(default_factory=list)

    @property
    def last(self) -> Call:
        """The most recent call."""
        return self.calls[-1]


class _Connection(asyncio.Protocol):
    """One keep-alive connection. `/status/503` is answered with that status, everything else with 200."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._headers: dict[str, list[str]] = {}
        self._url = b""
        self._body_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._require_transport().close()

    def on_message_begin(self) -> None:
        self._headers, self._url, self._body_size = {}, b"", 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        call = Call(method, self._url.decode("latin-1"), self._headers, self._body_size)
        self._upstream.calls.append(call)
        body = json.dumps(
            {"method": method, "path": call.path, "headers": call.headers, "body": call.body_size}
        ).encode()
        status = (
            call.path.removeprefix(_STATUS_PREFIX)[:3] if _STATUS_PREFIX in call.path else "200"
        )
        head = (
            f"HTTP/1.1 {status} As-Asked\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-Id: from-the-api\r\n\r\n"
        )
        self._require_transport().write(head.encode() + (b"" if method == "HEAD" else body))

    def _require_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Serve on a free port of the loopback from a thread of this process."""
    upstream = Upstream(port=0)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: _Connection(upstream), "127.0.0.1", 0)
    )
    upstream.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()
