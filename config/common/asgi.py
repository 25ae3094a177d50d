"""What ASGI applications are made of, and the refusals that they send themselves, without Django."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from config.common import context, problems
from config.common.errors import DomainError
from config.common.middleware import security_headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What a server offers that lets a WebSocket's handshake be answered like any request; others answer 403 and nothing else.
_ANSWERS_HANDSHAKES = "websocket.http.response"


async def refuse(scope: Scope, send: Send, error: DomainError) -> None:
    """Answer a request or a WebSocket's handshake as Django would, and close the connection."""
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = _ANSWERS_HANDSHAKES
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})
            return
    request_id = context.new_request_id()
    with context.use(context.Context(request_id=request_id)):
        body = orjson.dumps(problems.document(error))
    headers = {
        "Content-Type": problems.CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
        "X-Request-Id": request_id,
        **problems.headers_of(error),
    }
    if scope["path"].startswith("/api/"):
        headers["Vary"] = "Origin"
    lines = [*headers.items(), *security_headers.absent(headers)]
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in lines]
    await send({"type": f"{kind}.start", "status": error.status, "headers": encoded})
    await send({"type": f"{kind}.body", "body": body})
