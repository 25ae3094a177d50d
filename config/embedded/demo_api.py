"""A small API behind the gate, so that a newcomer's first call needs no proxy.

It does what the shipped nginx configuration does: asks the gate about each call with an allow-list of headers, hands
a refusal on as it is, and writes the outcome to an access log that `ingest_access_log` reads.
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Any

from django.conf import settings

from apikeys.gateway import app as gate
from config.common.asgi import Message, Receive, Scope, Send

PREFIX = "/demo/"
_FORWARDED = frozenset({b"authorization", b"x-api-key", b"origin", b"user-agent"})
_FOR_CLIENTS = (b"ratelimit", b"x-ratelimit-", b"retry-after")


@dataclass
class Answer:
    """What the gate said about a call."""

    request_id: str
    status: int = 503
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: bytes) -> str:
        """Return one header, or nothing."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


async def application(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer one call of the demo API."""
    started_at = time.time()
    verdict = await _ask(scope, request_id=secrets.token_hex(16))
    if verdict.status >= 300:
        await _respond(send, verdict.status, verdict.headers, verdict.body)
        _report(scope, verdict, started_at, status=verdict.status, length=len(verdict.body))
        return
    status, body = _upstream(scope["path"], verdict)
    passed_on = [pair for pair in verdict.headers if pair[0].startswith(_FOR_CLIENTS)]
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", verdict.request_id.encode()),
        *passed_on,
    ]
    await _respond(send, status, headers, body)
    _report(scope, verdict, started_at, status=status, length=len(body))


def _upstream(path: str, verdict: Answer) -> tuple[int, bytes]:
    """Be the API that is sold: it learns from the gate who calls, and never sees the key."""
    if path != f"{PREFIX}hello":
        return 404, _encoded({"message": f"The demo API answers at {PREFIX}hello."})
    return 200, _encoded(
        {
            "message": "Hello from the API behind the gate.",
            "organization_id": int(verdict.header(b"x-org-id") or 0),
            "key_id": int(verdict.header(b"x-key-id") or 0),
        }
    )


async def _ask(scope: Scope, request_id: str) -> Answer:
    """Ask the gate as a proxy on this machine would."""
    client = scope.get("client") or ("127.0.0.1", 0)
    uri = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = [
        (b"host", b"gate"),
        (b"x-forwarded-method", scope["method"].encode()),
        (b"x-forwarded-uri", uri),
        (b"x-forwarded-host", _host(scope)),
        (b"x-forwarded-proto", scope["scheme"].encode()),
        (b"x-forwarded-for", str(client[0]).encode()),
        (b"x-request-id", request_id.encode()),
        *((name, value) for name, value in scope["headers"] if name in _FORWARDED),
    ]
    question = {
        **scope,
        "method": "GET",
        "path": "/gateway/authorize",
        "raw_path": b"/gateway/authorize",
        "query_string": b"mode=native",
        "headers": headers,
        "client": ("127.0.0.1", 0),
    }
    answer = Answer(request_id=request_id)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await gate.application(question, receive, send)
    return answer


def _host(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"host"), b"")


async def _respond(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _report(scope: Scope, verdict: Answer, started_at: float, *, status: int, length: int) -> None:
    """Write one line as the shipped nginx configuration does."""
    now = time.time()
    seconds = round(now - started_at, 6)
    is_refusal = verdict.status >= 300
    line: dict[str, Any] = {
        "request_id": verdict.request_id,
        "msec": round(now, 3),
        "status": status,
        "request_time": seconds,
        "upstream_time": "" if is_refusal else str(seconds),
        "upstream_status": "" if is_refusal else str(status),
        "key_id": verdict.header(b"x-key-id"),
        "auth_status": str(verdict.status) if is_refusal else "",
        "method": scope["method"],
        "path": scope["path"],
        "bytes_in": 0,
        "bytes_out": length,
    }
    log = _access_log()
    log.write(_encoded(line))
    log.flush()


@lru_cache(maxsize=1)
def _access_log() -> IO[bytes]:
    path = settings.PLACE.access_log
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"
