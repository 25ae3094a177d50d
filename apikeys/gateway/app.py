"""The gate as a plain ASGI application, and its start and stop for any server."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apikeys.gateway import configuration
from apikeys.gateway.answers import Answer, Writer, new_request_id, renew_process_id
from apikeys.gateway.assertion import Signer
from apikeys.gateway.engine import Engine
from apikeys.gateway.frontend import (
    MAX_BODY_BYTES,
    PATHS,
    Frontend,
    read_target,
    target_of,
    too_large,
)
from apikeys.gateway.questions import Head
from config.common import memory
from config.common.errors import DomainError, ServiceUnavailable

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

__all__ = [
    "PATHS",
    "application",
    "frontend",
    "jwks",
    "metrics_text",
    "owns",
    "refusal",
    "shutdown",
    "startup",
]

_frontend: Frontend | None = None
_plain = Writer("", ())


async def startup() -> Frontend:
    """Start the gate on the running event loop, as the settings say."""
    global _frontend  # noqa: PLW0603  a process has one gate
    renew_process_id()
    chosen = configuration.from_settings()
    engine = Engine(chosen)
    await engine.start()
    _frontend = Frontend(chosen, engine)
    memory.settle()
    return _frontend


async def shutdown() -> None:
    """Stop the gate: leases go back, buffered events are written."""
    global _frontend
    stopping, _frontend = _frontend, None
    if stopping is not None:
        await stopping.engine.stop()


def frontend() -> Frontend | None:
    """Return the running gate of this process."""
    return _frontend


def owns(path: str) -> bool:
    """Whether a path is one of the gate's."""
    return path in PATHS


def problem(error: DomainError, instance: str) -> Answer:
    """Return a problem document, also while the gate does not run."""
    if _frontend is not None:
        return _frontend.problem(error, instance)
    return _plain.problem(error, new_request_id(), instance)


def refusal(error: DomainError, url: bytes) -> Answer:
    """Return the answer to what cannot be a request, as far as its address was read; nginx is told in its own way."""
    target = target_of(url)
    if target is not None and target.is_nginx and _frontend is not None:
        return _frontend.writer.nginx_problem(error, new_request_id(), target.path)
    return problem(error, url.decode("latin-1").partition("?")[0])


def stopped_answer() -> Answer:
    """Return what is answered while the gate does not run."""
    error = ServiceUnavailable("The gate is not running.", headers={"Retry-After": "2"})
    return problem(error, "")


def metrics_text() -> str:
    """Return this process's measurements for Prometheus; empty while the gate does not run."""
    return _frontend.engine.metrics_text() if _frontend is not None else ""


def jwks() -> bytes:
    """Return the key set that assertions can be checked with."""
    if _frontend is not None:
        return _frontend.signer.jwks()
    chosen = configuration.from_settings()
    return Signer(chosen.signing_keys, chosen.secret_key, chosen.public_url).jwks()


class _Request:
    """One request, complete, and the future of its answer."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        target = read_target(scope["path"], scope["query_string"].decode("latin-1"))
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        named = dict(headers)
        repeated = headers if len(named) != len(headers) else ()
        self.head = Head(target, scope["method"].encode(), named, repeated)
        self.body = body
        self.peer = _peer(scope)
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result((status, head, body))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request to one of the gate's paths."""
    running = _frontend
    body = await _body(receive)
    if running is None:
        answer = stopped_answer()
    elif body is None:
        answer = problem(too_large(), scope["path"])
    else:
        request = _Request(scope, body)
        running.handle(request)
        answer = await request.answer
    await _send(send, scope["method"], *answer)


async def _body(receive: Receive) -> bytes | None:
    """Return the body, None when it is too large."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _peer(scope: Scope) -> str | None:
    """Return the peer's address; None only for a socket file, which has a path and no port."""
    if scope.get("client"):
        return str(scope["client"][0])
    server = scope.get("server")
    return None if server and server[1] is None else ""


async def _send(send: Send, method: str, status: int, head: bytes, body: bytes) -> None:
    headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n") if line]
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
