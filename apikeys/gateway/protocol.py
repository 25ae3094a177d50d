"""The gate inside uvicorn: `uvicorn --http apikeys.gateway.protocol:GateProtocol`, a supported hook.

Requests to the gate's paths are answered as soon as they are complete, without a task, a scope or an ASGI message;
everything else goes on to uvicorn's own code unchanged. On every connection the framing rules are at least uvicorn's,
and headers are bounded in size and in time. Only what the parser gives is read, never raw bytes.
"""

import asyncio
import socket
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from apikeys.gateway import app as gate
from apikeys.gateway.cycles import FixedCycle, GateCycle, clock_of
from apikeys.gateway.frontend import MAX_BODY_BYTES, Frontend, target_of, too_large
from apikeys.gateway.headers import MAX_HEAD_BYTES, Named, waits_to_be_called, wrong_with_head
from apikeys.gateway.memory import MAX_BYTES
from apikeys.gateway.questions import Head
from apikeys.gateway.refusals import RequestTooSlow
from config.common.errors import DomainError, HeadersTooLarge, MalformedRequest

HEAD_SECONDS = 10
OTHER_BODY_SECONDS = 30
_LINGER_SECONDS: Final = 1.0
# What a connection waits for.
_HEAD, _BODY, _ANSWER, _NEXT = range(4)
_HOST, _CODING = b"host", b"transfer-encoding"


class GateProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection with the gate in front."""

    peer: str | None
    pipeline: Any
    cycle: Any
    _frontend: Frontend | None
    _head: Head | None  # of the request that is being read, if it is one of ours

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who is there."""
        super().connection_made(transport)
        # Set here and not in the class: what an instance lacks is looked for in all its classes each time.
        self._phase = _NEXT
        self._chunk = self._partial = 0
        self._is_half = self._is_mixed = self._is_running = self._is_refused = False
        self._is_continuing = False
        self._frontend = self._head = None
        self._served: RequestResponseCycle | None = None  # uvicorn's own that is being answered
        self._default_headers: list[tuple[bytes, bytes]] | None = None
        self._body = self._default_head = self._allowed_head = b""
        raw = transport.get_extra_info("socket")
        is_file = raw is not None and raw.family == socket.AF_UNIX
        # A peer that went away before we could ask has no address either: it is nobody, and trusted by nobody.
        self.peer = None if is_file else (self.client[0] if self.client else "")
        self._clock = clock_of(self.loop, self.server_state)
        self._since = self._heard_at = self._clock.now

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was queued, and let an application know that nobody is there any more."""
        super().connection_lost(exc)
        if self._served is not None:
            self._served.disconnected = True
            self._served.message_event.set()
        for cycle, _app in self.pipeline:
            cycle.disconnected = True
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it does not like is answered in its turn, after all earlier requests."""
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._is_refused:
            return
        frontend = gate.frontend() if self._phase == _NEXT and len(data) <= MAX_BYTES else None
        if frontend is not None and (head := frontend.heads.get(data)) is not None:
            # A parser at the beginning of a request reads the same in the same bytes.
            self._frontend = frontend
            self._phase = _ANSWER
            self._enqueue(GateCycle(self, head, b""))
            return
        self._chunk = len(data)
        self._is_mixed, self._begun = False, 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._on_upgrade()
        except httptools.HttpParserError:
            self._on_malformed()
        if self._phase <= _BODY:
            self._on_half_request()
        elif frontend is not None and self._begun == 1 and not self._is_refused:
            frontend.remember(data, self._head)

    def _on_malformed(self) -> None:
        if not self._is_refused:
            self._give_up_body()
            self._refuse(MalformedRequest("The request is not well-formed HTTP/1.1."))

    def _on_half_request(self) -> None:
        """Note since when the rest of a request is awaited; stop heads, extensions of chunks and trailers without end."""
        self._heard_at = self._clock.now
        if not self._is_half:
            self._is_half = True
            self._since = self._heard_at
        # How much of a piece of data belongs to requests that ended in it, or to a body, nobody says: such a piece
        # counts for nothing, and the limit is doubled for what is left of it.
        self._partial = 0 if self._is_mixed else self._partial + self._chunk
        if self._partial > 2 * MAX_HEAD_BYTES and not self._is_refused:
            self._give_up_body()
            self._refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        """Start a request; uvicorn's scope is built only if the request turns out to be its."""
        self.url = b""
        self._begun += 1
        self._named: Named = {}
        self._repeated: list[tuple[bytes, bytes]] = []
        self._phase = _HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, and from the first repeated one on all of them in their order."""
        name = name.lower()
        named = self._named
        if name in named or self._repeated:
            self._repeated = self._headers()
            self._repeated.append((name, value))
        named[name] = value

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return self._repeated or list(self._named.items())

    def on_headers_complete(self) -> None:
        """Decide whose request this is. Nearly every one is plainly well-formed; the others are looked at closely."""
        if self._is_refused:
            return
        self._phase = _BODY
        parser = self.parser
        version = parser.get_http_version()
        named = self._named
        if (
            version != "1.1"
            or self._repeated
            or _HOST not in named
            or _CODING in named
            or self._chunk + self._partial > MAX_HEAD_BYTES
        ):
            wrong = wrong_with_head(version, self.url, self._headers())
            if wrong is not None:
                self._refuse(wrong)
                return
        # HTTP/1.0 would have to be told that the connection stays; uvicorn closes it, and so do we.
        keeps_alive = version == "1.1" and parser.should_keep_alive()
        self._frontend = frontend = gate.frontend()
        target = target_of(self.url) if frontend is not None else None
        if target is None:
            self._head = None
            self._pass_on(version)
            return
        method = parser.get_method()
        self._head = Head(target, method, named, self._repeated, keeps_alive)
        if method != b"GET" or _CODING in named:
            self._expect_body(version)

    def _expect_body(self, version: str) -> None:
        """Refuse a body that is announced as too large, and call for one that waits to be called."""
        headers = self._headers()
        self._named, self._repeated = {}, []  # for trailer fields, at which nobody looks
        for name, value in headers:
            if name == b"content-length" and int(value) > MAX_BODY_BYTES:
                self._refuse(too_large())
                return
        self._is_continuing = waits_to_be_called(version, headers)
        if self._is_continuing and not self._is_busy():
            self._continue()

    def _continue(self) -> None:
        self._is_continuing = False
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pass_on(self, version: str) -> None:
        """Give the request to uvicorn as it would have read it itself."""
        url, headers = self.url, self._headers()
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = waits_to_be_called(version, headers)
        super().on_headers_complete()

    def _give_up_body(self) -> None:
        """End uvicorn's request whose body is here in part and cannot be read on: a refusal takes its place."""
        cycle = self.cycle
        if not (isinstance(cycle, RequestResponseCycle) and cycle.more_body) or not self._is_busy():
            return
        cycle.keep_alive = True
        if cycle is not self._served:
            self.pipeline.popleft()
        elif cycle.response_started:
            self.transport.close()
        else:
            cycle.disconnected = cycle.response_complete = True
            cycle.message_event.set()

    def on_body(self, body: bytes) -> None:
        """Keep a small body of ours; another's goes on."""
        if self._is_refused:
            return
        self._is_mixed = True
        if self._head is None:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            self._refuse(too_large())

    def on_message_complete(self) -> None:
        """Put a complete question, or queue it behind what is being answered."""
        if self._is_refused:
            return
        self._phase = _ANSWER
        self._is_half = False
        self._is_mixed = True
        self._partial = 0
        head = self._head
        if head is None:
            super().on_message_complete()
            return
        cycle = GateCycle(self, head, self._body)
        self._body = b""
        self._is_continuing = False
        self._enqueue(cycle)

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _enqueue(self, cycle: GateCycle) -> None:
        last = self.cycle
        if last is not None and not last.response_complete:
            if not last.keep_alive:
                # Its answer ends the connection: what follows it is never answered and must not be counted.
                return
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, None))
            self.cycle = cycle
            return
        if not self.transport.is_closing():
            self.cycle = cycle
            self._run(cycle)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # uvicorn calls this for the next request in its queue, which may be one of ours.
        if isinstance(cycle, GateCycle):
            self._run(cycle)
        else:
            self._served = cycle
            super()._start_asgi_task(cycle, app)

    def _run(self, cycle: GateCycle) -> None:
        """Begin a request of ours and, as long as answers come at once, those queued behind it.

        A loop, because a client may queue more requests than the interpreter can nest calls.
        """
        while True:
            self._is_running = True
            cycle.begin(self._frontend)
            self._is_running = False
            if not cycle.response_complete or self.transport.is_closing():
                return
            if not self.pipeline:
                self._rest()
                return
            following, app = self.pipeline.pop()
            if not isinstance(following, GateCycle):
                self._read_on()
                self._start_asgi_task(following, app)
                return
            cycle = following

    def _rest(self) -> None:
        """Wait for the next request, which may be half here already."""
        if self.flow.read_paused:
            self._read_on()
        if self._is_continuing:
            self._continue()
        elif self._phase == _ANSWER:
            self._phase = _NEXT
            self._since = self._clock.now

    def on_response_complete(self) -> None:
        """Note that uvicorn's own request is answered; its own timer watches over the pause."""
        self._phase = self._phase if self._phase in {_HEAD, _BODY} else _ANSWER
        super().on_response_complete()
        if self._is_continuing and not self._is_busy() and not self.transport.is_closing():
            self._continue()

    def answer(self, cycle: GateCycle, status: int, head: bytes, body: bytes) -> None:
        """Write one answer and go on to the next request."""
        transport = self.transport
        if transport.is_closing():
            return
        defaults = self.server_state.default_headers
        if defaults is not self._default_headers:
            self._default_headers = defaults
            self._default_head = b"".join([b"%b: %b\r\n" % line for line in defaults])
            self._allowed_head = STATUS_LINE[204] + self._default_head
        if status == 204 and cycle.keep_alive:
            transport.write(b"%b%b\r\n" % (self._allowed_head, head))
        else:
            transport.write(cycle.composed(status, self._default_head + head, body))
        self.server_state.total_requests += 1
        if not cycle.keep_alive:
            self._close()
        elif not self._is_running:
            self._after()

    def _after(self) -> None:
        if not self.pipeline:
            self._rest()
            return
        following, app = self.pipeline.pop()
        if not self.pipeline:
            self._read_on()
        self._start_asgi_task(following, app)

    def _close(self) -> None:
        """Close, but let a client that is still sending read the answer first."""
        self.pipeline.clear()
        if not self._is_refused:
            self.transport.close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _refuse(self, error: DomainError) -> None:
        """Answer what cannot be a request, after everything that was asked before it, and close."""
        self._is_refused = True
        self._enqueue(FixedCycle(self, gate.refusal(error, self.url)))

    def _on_upgrade(self) -> None:
        if self._head is None:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._unsupported_upgrade_warning()
            return
        # The gate's answer is no upgrade; what follows on this connection could not be parsed.
        self._is_refused = True
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self._close()

    def check_time(self, now: float) -> None:
        """Drop a connection that is too slow with what it owes us."""
        if self._phase == _NEXT:
            if now - self._since > self.timeout_keep_alive:
                self.transport.close()
        elif self._phase == _HEAD:
            if now - self._since > HEAD_SECONDS and not self._is_busy():
                self._time_out()
        elif self._phase == _BODY and not self._is_busy():
            if self._head is not None and now - self._since > 2 * HEAD_SECONDS:
                self._time_out()
        elif self._phase == _BODY and now - self._heard_at > OTHER_BODY_SECONDS:
            self._on_stalled_body()

    def _on_stalled_body(self) -> None:
        # An application waits for the rest of a body that does not come: end the wait, unless it is not reading.
        is_waiting = isinstance(self.cycle, RequestResponseCycle) and not self.flow.read_paused
        if self._head is None and is_waiting and not self.transport.is_closing():
            self.transport.abort()

    def _time_out(self) -> None:
        if not self._is_refused:
            self._refuse(RequestTooSlow())

    def pause_writing(self) -> None:
        """Read no further requests while the client does not read its answers."""
        super().pause_writing()
        self.flow.pause_reading()

    def _read_on(self) -> None:
        # A client that does not read its answers is not read either: `resume_writing` comes back here.
        if not self.flow.write_paused:
            self.flow.resume_reading()

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        if not self.pipeline:
            self._read_on()
