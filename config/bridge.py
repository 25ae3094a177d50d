"""Between the event loop and Django's threads: only whole requests cross, with nothing in them that WSGI misreads.

A thread is worth more than a connection: a client that sends its body slowly waits here, on the loop, and a body that
is too large is answered by the size limit without being read. Headers with underscores are dropped, because WSGI
cannot tell `X_Real_Name` from `X-Real-Name`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_from_bytes

import structlog
from a2wsgi import WSGIMiddleware

from apikeys.gateway.refusals import RequestTooSlow
from config.common import asgi, errors, reports
from config.common.asgi import Message, Receive, Scope, Send
from config.common.middleware import security_headers

logger = structlog.get_logger(__name__)

_BODY_SECONDS = 20
# Bytes that may stand in a query string; others are escaped, as a browser would have done.
_QUERY_BYTES = "!$&'()*+,;=:@/?-._~%[]{}|\\^`\"<>#"


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Ambiguous(Exception):
    """The request says twice where its body ends, which is how one is smuggled inside another."""


class DjangoBridge:
    """Runs a WSGI application in a pool of threads that lives as long as the process."""

    def __init__(self, application: Any, *, threads: int, body_limit: Callable[[str], int]) -> None:
        # The queue lets a thread hand over a whole page and go on, however slowly the client reads.
        self._application = WSGIMiddleware(application, workers=threads, send_queue_size=256)
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, noting when it came: it may wait for its body and for a thread."""
        scope["tollgate.arrived_at"] = time.time()
        try:
            body = await asyncio.wait_for(self._body(scope, receive), _BODY_SECONDS)
        except ClientGone:
            return
        except Ambiguous:
            await asgi.refuse(scope, send, errors.MalformedRequest("The body has two lengths."))
            return
        except TimeoutError:
            await asgi.refuse(scope, send, RequestTooSlow())
            return
        safe, noted = _presentable(scope, len(body)), _Noted(send)
        try:
            await self._application(safe, _replay(body, receive), noted)  # type: ignore[arg-type]
        except Exception as exception:
            # Django answers its own exceptions; this one came from around it.
            logger.exception("unhandled_exception", path=scope["path"])
            reports.capture(exception)
            if noted.has_started:
                raise
            await asgi.refuse(scope, send, errors.InternalError())

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read the body; one byte above the limit is enough to have it refused."""
        limit = self._body_limit(scope["path"])
        declared = _declared_length(scope)
        if declared is not None and not 0 < declared <= limit:
            return b""
        body = bytearray()
        while len(body) <= limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        return bytes(body)


class _Noted:
    """Sends, and remembers whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)


def _declared_length(scope: Scope) -> int | None:
    """Return Content-Length (0 when it is not a number, which Django refuses); None when the body is chunked."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    is_chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    if len(lengths) > 1 or (lengths and is_chunked):
        raise Ambiguous
    if is_chunked:
        return None
    return int(lengths[0][:30]) if lengths and lengths[0].isdigit() else 0


def _presentable(scope: Scope, length: int) -> Scope:
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if b"_" not in name and name != b"transfer-encoding"
    ]
    if not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(length).encode()))
    query = quote_from_bytes(scope["query_string"], safe=_QUERY_BYTES).encode()
    return {**scope, "headers": headers, "query_string": query}


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return pending.pop() if pending else await receive()

    return next_message


def protected(send: Send) -> Send:
    """Return a `send` that adds the security headers to an answer that lacks them, whoever made it."""

    async def send_protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = [name.decode("latin-1") for name, _ in message["headers"]]
            added = [(n.lower().encode(), v.encode()) for n, v in security_headers.absent(present)]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_protected
