"""The servers that the demo's webhooks call, so that a newcomer sees events arrive, be retried and be given up for real.

`orders` does all that docs/webhooks.md asks of a receiver, and gets a good grade; `warehouse` is busy whenever it hears
of something for the first time, and fails over every revoked key; `shop` is gone for good.
"""

import asyncio
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus

from django.conf import settings

from config.common.asgi import Receive, Scope, Send
from webhooks import signing

PREFIX = "/demo/hooks/"
_MAX_BODY = 300_000
_BODY_SECONDS = 20
_TOLERANCE_SECONDS = 300
_MAX_REMEMBERED = 1_000

Answer = tuple[HTTPStatus, str]
_seen: OrderedDict[str, None] = OrderedDict()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Take one delivery."""
    status, said = await _answer(scope, receive)
    body = json.dumps({"message": said}).encode() + b"\n"
    headers = [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(scope: Scope, receive: Receive) -> Answer:
    server = _SERVERS.get(scope["path"].removeprefix(PREFIX))
    if server is None:
        return HTTPStatus.NOT_FOUND, f"The demo listens at {', '.join(_SERVERS)}."
    if scope["method"] != "POST":
        return HTTPStatus.METHOD_NOT_ALLOWED, "Events come by POST."
    try:
        body = await asyncio.wait_for(_body(receive), _BODY_SECONDS)
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time."
    if body is None:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "An event has 256 kB at most."
    heard = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return server(heard, body)


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None when it is too large, or its sender went."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or len(body) > _MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _orders(heard: Mapping[str, str], body: bytes) -> Answer:
    if not _is_genuine(heard, body):
        return HTTPStatus.UNAUTHORIZED, "No signature is right."
    if _is_known(heard.get("webhook-id", "")):
        return HTTPStatus.OK, "We have that one already."
    return HTTPStatus.OK, "Thank you."


def _warehouse(heard: Mapping[str, str], body: bytes) -> Answer:
    if b'"api_key.revoked"' in body:
        return HTTPStatus.INTERNAL_SERVER_ERROR, "The warehouse does not know how to revoke."
    if not _is_known(heard.get("webhook-id", "")):
        return HTTPStatus.SERVICE_UNAVAILABLE, "The warehouse is being counted. Come again."
    return HTTPStatus.OK, "Noted."


def _shop(_heard: Mapping[str, str], _event: bytes) -> Answer:
    return HTTPStatus.GONE, "The shop has closed for good."


_SERVERS: dict[str, Callable[[Mapping[str, str], bytes], Answer]] = {
    "orders": _orders,
    "warehouse": _warehouse,
    "shop": _shop,
}


def _is_genuine(heard: Mapping[str, str], body: bytes) -> bool:
    secret = settings.PLACE.recall("demo.env").get("DEMO_WEBHOOK_SECRET", "")
    timestamp = heard.get("webhook-timestamp", "")
    if not secret or not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    if abs(time.time() - int(timestamp)) > _TOLERANCE_SECONDS:
        return False
    expected = signing.signature(
        [secret], message_id=heard.get("webhook-id", ""), timestamp=int(timestamp), body=body
    )
    given = heard.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)


def _is_known(message_id: str) -> bool:
    """Tell whether an event came before; from now on it did."""
    is_known = message_id in _seen
    _seen[message_id] = None
    if len(_seen) > _MAX_REMEMBERED:
        _seen.popitem(last=False)
    return is_known
