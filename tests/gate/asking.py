"""One request to a gate, and its answer, over a connection of its own."""

import http.client
from dataclasses import dataclass
from typing import Any

import orjson

from tests.doubles.stack import Gate


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case and body of one answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


def send(
    gate: Gate, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send one request and return what came back."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)
    try:
        connection.request(method, path, body=body or None, headers=headers or {})
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def authorize(
    gate: Gate,
    secret: str = "",
    uri: str = "/free",
    method: str = "GET",
    query: str = "",
    **headers: str,
) -> Answer:
    """Ask as a proxy does; keyword arguments are further headers, with `_` for `-`."""
    asked = {
        "X-Forwarded-Method": method,
        "X-Forwarded-Uri": uri,
        "X-Forwarded-For": "192.0.2.9",
        **({"X-API-Key": secret} if secret else {}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return send(gate, "GET", f"/gateway/authorize{query}", asked)
