"""Payment providers on the loopback: real HTTP, in the shapes of Stripe and PayPal as far as our gateways ask.

A refusal repeats what it was sent, which the real ones do not: whatever quotes an answer is found out.
"""

from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, sleep
from typing import Any

import orjson

from tests.doubles.receiver import Call, Receiver, response, running_receiver

STRIPE_KEY = "sk_test_51Canary0000000000000000000"
CLIENT_ID, CLIENT_SECRET = "AClientCanary000000000", "ESecretCanary000000000"
# What goes wrong on the wire, and how every gateway calls it.
BROKEN = [
    ("endless", "an answer of more than 4 MB"),
    ("endless-head", "the connection failed or broke off"),
    ("reset", "the connection failed or broke off"),
    ("garbage", "the connection failed or broke off"),
]


@dataclass
class Provider:
    """What both have in common. `failures` are statuses to answer with first, one each."""

    receiver: Receiver
    failures: deque[int] = field(default_factory=deque)
    # Answered to the next questions in place of what would be, one each.
    answers: deque[bytes] = field(default_factory=deque)
    pause: float = 0.0

    @property
    def url(self) -> str:
        """Where to ask."""
        return self.receiver.url("")

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What was asked, in order."""
        return [(call.method, call.path) for call in self.receiver.calls]

    def disturbed(self, call: Call) -> bytes | None:
        """Answer as the test wants it, if it wants something special."""
        sleep(self.pause)
        if self.failures:
            return told(self.failures.popleft(), echo(call))
        return response(200, body=self.answers.popleft()) if self.answers else None


def told(status: int, document: Any, *headers: str) -> bytes:
    """Return an answer in JSON."""
    return response(status, "Content-Type: application/json", *headers, body=orjson.dumps(document))


def echo(call: Call) -> dict[str, Any]:
    """Return an error that repeats the request."""
    sent = f"{call.headers} {call.body!r}"
    return {"error": {"type": "api_error", "message": sent}, "error_description": sent}


@dataclass
class StripeServer(Provider):
    """Knows keys and the account behind each. A restricted key is known and may not ask."""

    accounts: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            STRIPE_KEY: {
                "id": "acct_1Rocket",
                "object": "account",
                "business_profile": {"name": "Rocket Rides"},
                "email": "owner@rocket.test",
            }
        }
    )
    restricted: set[str] = field(default_factory=set)

    def answer(self, call: Call) -> bytes:
        """Answer one request."""
        special = self.disturbed(call)
        if special is not None:
            return special
        key = call.headers.get("authorization", "").removeprefix("Bearer ")
        if key in self.restricted:
            return told(403, echo(call))
        if key not in self.accounts:
            return told(401, echo(call))
        if (call.method, call.path) == ("GET", "/v1/account"):
            return told(200, self.accounts[key], "Request-Id: req_1")
        return told(404, echo(call))


@dataclass
class PayPalServer(Provider):
    """Gives tokens to apps that it knows, and takes each until it runs out or is taken back."""

    secrets: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: CLIENT_SECRET})
    token_seconds: int = 32_400
    says_who: bool = True
    refuses_tokens: bool = False
    tokens: dict[str, float] = field(default_factory=dict)

    def answer(self, call: Call) -> bytes:
        """Answer one request."""
        special = self.disturbed(call)
        if special is not None:
            return special
        if (call.method, call.path) == ("POST", "/v1/oauth2/token"):
            return self._token(call)
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if self.refuses_tokens or self.tokens.get(token, 0) < monotonic():
            return told(401, echo(call))
        if call.path == "/v1/identity/oauth2/userinfo?schema=paypalv1.1" and self.says_who:
            return told(200, {"payer_id": "2J6QB8YJQSJRJ", "name": "Rocket Rides"})
        if (call.method, call.path) == ("POST", "/v2/checkout/orders"):
            return told(201, {"id": "5O190127TN364715T", "status": "CREATED"})
        return told(403 if "identity" in call.path else 422, echo(call))

    def _token(self, call: Call) -> bytes:
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        identity, _, secret = b64decode(encoded).decode().partition(":")
        if scheme != "Basic" or self.secrets.get(identity) != secret:
            return told(401, {"error": "invalid_client", **echo(call)})
        if call.body != b"grant_type=client_credentials":
            return told(400, {"error": "unsupported_grant_type"})
        token = f"A21AATokenCanary{len(self.tokens) + 1}"
        self.tokens[token] = monotonic() + self.token_seconds
        lifetime = {"token_type": "Bearer", "expires_in": self.token_seconds}
        return told(200, {"access_token": token, "app_id": "APP-80W284485P519543T", **lifetime})


@contextmanager
def _serving(kind: type[Any]) -> Iterator[Any]:
    with running_receiver() as receiver:
        server = kind(receiver)
        receiver.answer = server.answer
        yield server


stripe_serving = partial(_serving, StripeServer)
paypal_serving = partial(_serving, PayPalServer)
