"""A WebSocket of the live page as a browser opens it and the server drives it."""

from contextlib import asynccontextmanager
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter

from analytics.routing import websocket_urlpatterns
from tests.patience import at_most

ORIGIN = "http://testserver"
# As config.asgi has it.
SOCKETS = URLRouter(websocket_urlpatterns)


class Socket(ApplicationCommunicator):
    """One WebSocket as the server drives it."""

    patience = 60.0

    async def connect(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(timeout=self.patience)
        self.accepted: bool = answer["type"] == "websocket.accept"
        if not self.accepted:
            self.status, self.headers = answer["status"], dict(answer["headers"])
            self.problem = orjson.loads((await self.receive_output(timeout=60))["body"])

    async def tick(self) -> Any:
        message = await self.receive_output(timeout=60)
        return orjson.loads(message["text"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(timeout=60)


def ticket_of(portal_as, person):
    answer = portal_as(person).post("/live/ticket/")
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("max-age=0")
    return answer.json()["ticket"]


@asynccontextmanager
async def socket(ticket: str, origin: str | None = ORIGIN, host: str = "testserver"):
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    scope = {
        "type": "websocket",
        "path": "/ws/live",
        "query_string": f"ticket={ticket}".encode(),
        "headers": headers,
        "subprotocols": [],
        # As uvicorn has it.
        "extensions": {"websocket.http.response": {}},
    }
    communicator = Socket(SOCKETS, scope)
    try:
        await communicator.connect()
        yield communicator
    finally:
        await communicator.disconnect()


@async_to_sync
async def is_let_in(ticket: str, origin: str | None = ORIGIN, host: str = "testserver") -> bool:
    async with socket(ticket, origin, host) as communicator:
        return communicator.accepted


async def refused(ticket: str, **how: str) -> tuple[int, str]:
    """Return how a handshake is refused, after a look at what every refusal says."""
    async with socket(ticket, **how) as communicator:
        assert not communicator.accepted
        status, problem = communicator.status, communicator.problem
        assert communicator.headers[b"content-type"] == b"application/problem+json"
        assert communicator.headers[b"cache-control"] == b"no-store"
        assert communicator.headers[b"x-request-id"].decode() == problem["request_id"]
        assert (b"retry-after" in communicator.headers) is (status in {429, 503})
        assert problem["status"] == status
        return status, problem["code"]


refusal = async_to_sync(refused)


async def closing_code(communicator: Socket, seconds: float) -> Any:
    """Return the code with which the server closes; it does so within so many seconds."""
    with at_most(seconds):
        while True:
            message = await communicator.receive_output(timeout=60)
            if message["type"] == "websocket.close":
                return message["code"]
