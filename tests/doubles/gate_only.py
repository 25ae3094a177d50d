"""The gate alone behind uvicorn, without Django's pages: a small application shows what was passed on to it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import django
import orjson

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
django.setup()

from django.conf import settings  # noqa: E402  (needs them to be found)

# The tests' settings trust the loopback whatever the environment says.
if "GATEWAY_TRUSTED_PROXIES" in os.environ:
    settings.GATEWAY_TRUSTED_PROXIES = os.environ["GATEWAY_TRUSTED_PROXIES"].split(",")

from apikeys.gateway import app as gate  # noqa: E402  (needs the settings)
from apikeys.gateway import engine, protocol  # noqa: E402
from tests.doubles import patient  # noqa: E402

patient.with_redis(settings)
patient.with_postgres(settings)

# Tests of patience need not be patient themselves.
engine._REVALIDATE_SECONDS = float(  # type: ignore[misc]  # final for the product
    os.environ.get("REVALIDATE_SECONDS", engine._REVALIDATE_SECONDS)
)
engine._FORGET_SECONDS = float(  # type: ignore[misc]
    os.environ.get("FORGET_SECONDS", engine._FORGET_SECONDS)
)
protocol.HEAD_SECONDS = int(os.environ.get("HEAD_SECONDS", protocol.HEAD_SECONDS))
protocol.OTHER_BODY_SECONDS = int(os.environ.get("BODY_SECONDS", protocol.OTHER_BODY_SECONDS))

# How many requests to `/held` have arrived and are not answered.
_held = 0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Start and stop the gate; answer the gate's paths, `/metrics`, and everything else with what was received."""
    if scope["type"] == "lifespan":
        await receive()
        await gate.startup()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await gate.shutdown()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await _greet(receive, send)
    elif gate.owns(scope["path"]) and not os.environ.get("WITHOUT_ASGI_GATE"):
        await gate.application(scope, receive, send)
    elif scope["path"] == "/metrics":
        await _answer(send, f"{gate.metrics_text()}held_requests {_held}\n".encode())
    else:
        await _echo(scope, receive, send)


async def _greet(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await send({"type": "websocket.close", "code": 1000})


async def _echo(scope: Message, receive: Receive, send: Send) -> None:
    body, more = b"", True
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    if scope["path"] == "/held":
        await _until_let_go()
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
        ],
        "body": body.decode("latin-1"),
    }
    await _answer(send, orjson.dumps(seen))


async def _until_let_go() -> None:
    """Wait while there is a file."""
    global _held  # noqa: PLW0603
    _held += 1
    while Path(os.environ["HELD_BY"]).exists():  # noqa: ASYNC240  (a file of the test's own)
        await asyncio.sleep(0.01)
    _held -= 1


async def _answer(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
