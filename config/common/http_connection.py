"""One connection of the outbound client: HTTP/1.1, one request at a time, answers bounded in size and in time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import httptools

MAX_READ: Final = 64 * 1024
MAX_KEPT: Final = 16 * 1024
_MAX_HEAD = 64 * 1024
# Of all that came, framing and trailers included: the parser keeps a trailer whole, however long it is.
_MAX_SIZE = 4 * MAX_READ
_MAX_HEADERS = 64
_FIRST_FINAL = 200
# What is said of troubles that come before a connection as well as on it.
BROKEN: Final = "The connection broke before there was an answer."
TOO_LATE: Final = "There was no complete answer in time."
_MAX_NAME, _MAX_VALUE = 100, 1_000


class Trouble(StrEnum):
    """Why there is no answer."""

    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    BLOCKED = "blocked"
    MALFORMED = "malformed"


@dataclass(slots=True)
class Answer:
    """What came of one request: a status with what was kept of the answer, or the trouble.

    The names of headers are in lower case; `seconds` is how long everything took.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False
    address: str | None = None
    seconds: float = 0.0
    trouble: Trouble | None = None
    detail: str = ""


class Connection(asyncio.Protocol):
    """The protocol of one connection. Nothing that the other side does raises."""

    # Of the present answer.
    _status: int
    _total: int
    _has_head: bool
    _is_framed: bool
    _is_complete: bool

    def __init__(self) -> None:
        self.address: str | None = None
        self.idle_since = 0.0
        # Whether nothing at all came back for the request, as when a silent connection was closed before it.
        self.is_unheard = True
        self.is_reusable = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = self._patience = self._heard_at = 0.0
        self._begin()

    def exchange(self, request: bytes, *, until: float, patience: float) -> asyncio.Future[Answer]:
        """Send one request and return its answer to come: at `until` (of the loop's clock) at the latest, and after
        `patience` seconds of silence.
        """
        self._waiter = self._loop.create_future()
        self._until, self._patience, self._heard_at = until, patience, self._loop.time()
        self.is_unheard, self.is_reusable = True, False
        self._begin()
        if self._transport.is_closing():
            self._break()
        else:
            self._transport.write(request)
            self._watch()
        return self._waiter

    def close(self) -> None:
        """Drop the connection at once."""
        self.is_reusable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who is there."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else None

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer that has no other end, or tell that there will be none."""
        self.is_reusable = False
        if self._waiter is None:
            return
        if self._has_head and not self._is_framed and exc is None:
            self._finish()
        else:
            self._break()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._waiter is None:
            # Nobody asked: what this belongs to can only be guessed.
            self.close()
            return
        self._heard_at, self.is_unheard = self._loop.time(), False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._is_complete:
                self._fail(Trouble.MALFORMED, "The answer is not HTTP that we can read.")
                return
            self._has_more = True
        self._size += len(data)
        is_endless = self._has_head and self._size > _MAX_SIZE
        if self._is_complete or self._total > MAX_READ or is_endless:
            self._finish()
        elif not self._has_head and self._size > _MAX_HEAD:
            self._fail(Trouble.MALFORMED, "The answer's head has no end.")

    def _begin(self) -> None:
        """Expect a new answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._kept = bytearray()
        self._status = self._total = self._size = 0
        self._keeps_alive = False
        self._has_head = self._is_framed = self._is_complete = self._has_more = False

    def on_message_begin(self) -> None:
        """Stop the parser at a second answer."""
        if self._is_complete:
            raise ValueError("There is one answer to one request.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, within bounds."""
        lower = name.lower()
        if lower == b"content-length" or (
            lower == b"transfer-encoding" and value.lower().endswith(b"chunked")
        ):
            self._is_framed = True
        if len(self._headers) < _MAX_HEADERS and not self._has_head:
            self._headers[_text(lower[:_MAX_NAME])] = _text(value[:_MAX_VALUE])

    def on_headers_complete(self) -> None:
        """From here on it is the body."""
        self._has_head = True
        self._status = self._parser.get_status_code()
        self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Keep the beginning."""
        self._total += len(body)
        room = MAX_KEPT - len(self._kept)
        if room > 0:
            self._kept += body[:room]

    def on_message_complete(self) -> None:
        """An interim answer is followed by the answer itself."""
        if self._status >= _FIRST_FINAL:
            self._is_complete = True
            return
        self._headers = {}
        self._has_head = self._is_framed = False

    def _watch(self) -> None:
        """Wait as long as there is reason to."""
        end = min(self._heard_at + self._patience, self._until)
        if self._loop.time() < end:
            self._timer = self._loop.call_at(end, self._watch)
        else:
            self._fail(Trouble.TIMED_OUT, TOO_LATE)

    def _finish(self) -> None:
        is_whole = self._is_complete and not self._has_more
        self.is_reusable = is_whole and self._keeps_alive and not self._transport.is_closing()
        is_cut = self._total > MAX_KEPT
        self._resolve(Answer(self._status, self._headers, bytes(self._kept), is_cut, self.address))

    def _break(self) -> None:
        self._fail(Trouble.UNREACHABLE, BROKEN)

    def _fail(self, trouble: Trouble, detail: str) -> None:
        self.close()
        self._resolve(Answer(trouble=trouble, detail=detail, address=self.address))

    def _resolve(self, answer: Answer) -> None:
        waiter, self._waiter = self._waiter, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip(" \t")
