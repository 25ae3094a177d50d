"""PayPal through its SDK's API client, mended where it meets HTTP; the rest of the SDK is not used.

As it comes the client waits for ever, repeats a 401 until the stack is full, and logs tokens and bodies.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from paypalrestsdk import exceptions
from paypalrestsdk.api import Api

from billing.gateways import wire
from billing.gateways.base import (
    Account,
    KeysRefused,
    ProviderNotUnderstood,
    ProviderUnavailable,
)

# All that one call may take, the token and the repetition after a 401 included.
_SECONDS = 40.0
_PROBE_SECONDS = 4.0
_ACCOUNT = "v1/identity/oauth2/userinfo?schema=paypalv1.1"
# It goes into a header as it comes (RFC 6750, 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_WITHOUT_BODY = frozenset({"GET", "DELETE"})


class Client(Api):
    """The SDK's client with limits. Whoever asks from several threads takes one each.

    Raises KeysRefused, ProviderUnavailable and ProviderNotUnderstood, and the SDK's ClientError for other refusals
    (4xx): what PayPal says is in its `response.body`, and not in its words, which may be logged.
    """

    def __init__(self, *, seconds: float = _SECONDS) -> None:
        super().__init__(
            mode="live" if settings.PAYPAL_LIVE_MODE else "sandbox",
            endpoint=settings.PAYPAL_API_BASE,
            client_id=settings.PAYPAL_CLIENT_ID,
            client_secret=settings.PAYPAL_CLIENT_SECRET,
        )
        self._seconds = seconds
        self._wire = wire.Wire()
        self._deadline: wire.Deadline | None = None

    def request(
        self,
        url: str,
        method: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        refresh_token: str | None = None,
    ) -> Any:
        """Do one call; on a 401 once more, with a new token and the same bytes."""
        self._deadline = wire.Deadline(self._seconds)
        # As it comes the client sends a body of `null` with every question.
        data = None if method in _WITHOUT_BODY else json.dumps(body).encode()
        try:
            try:
                return self._send(url, method, data, headers)
            except exceptions.UnauthorizedAccess:
                # The token ran out on its way, or PayPal took it back.
                self.token_hash = None
                return self._send(url, method, data, headers)
        except exceptions.UnauthorizedAccess:
            raise KeysRefused("PayPal takes no token that it gives for these keys.") from None
        finally:
            self._deadline = None

    def get_token_hash(
        self,
        authorization_code: str | None = None,
        refresh_token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the token that is still good, or a new one. The call's own headers are not sent along."""
        try:
            token: Any = super().get_token_hash()
        except (exceptions.UnauthorizedAccess, exceptions.ForbiddenAccess):
            raise KeysRefused("PayPal does not know the keys.") from None
        if not _is_token(token):
            self.token_hash = None
            raise ProviderNotUnderstood("What answers for PayPal gives no token.")
        return dict(token)

    def http_call(self, url: str, method: str, **sent: Any) -> Any:
        """Exchange one request and answer."""
        try:
            answer = self._wire.exchange(
                method,
                url,
                headers=sent["headers"],
                body=sent.get("data"),
                deadline=self._deadline or wire.Deadline(self._seconds),
            )
        except wire.NoAnswer as failed:
            raise ProviderUnavailable(f"PayPal cannot be reached: {failed.reason}.") from None
        return self.handle_response(answer, answer.body)

    def handle_response(self, response: wire.Answer, content: bytes) -> Any:
        """Return what an answer holds, read strictly; raise what its status means."""
        status = response.status_code
        if 200 <= status < 300:
            return _read(content)
        if status == 429 or status >= 500:
            raise ProviderUnavailable(f"PayPal cannot answer now: status {status}.")
        if status < 400:
            raise ProviderNotUnderstood(f"What answers for PayPal makes no sense: status {status}.")
        return super().handle_response(response, None)

    def _send(
        self, url: str, method: str, data: bytes | None, headers: Mapping[str, str] | None
    ) -> Any:
        return self.http_call(url, method, data=data, headers={**self.headers(), **(headers or {})})


def account() -> Account:
    """Prove the keys and say whose they are, within five seconds.

    Raises KeysRefused, ProviderUnavailable or ProviderNotUnderstood.
    """
    is_live = settings.PAYPAL_LIVE_MODE
    asked = Client(seconds=_PROBE_SECONDS)
    try:
        found = asked.get(_ACCOUNT)
    except exceptions.ForbiddenAccess:
        # There was a token for the keys; their app lacks the right to say whose they are.
        return Account(id="", name="", is_live=is_live)
    except exceptions.ClientError as error:
        status = error.response.status_code
        raise ProviderNotUnderstood(
            f"What answers for PayPal makes no sense: status {status}."
        ) from None
    identity = found.get("payer_id") if isinstance(found, dict) else None
    if not isinstance(identity, str) or not identity:
        raise ProviderNotUnderstood("What answers for PayPal tells of no account.")
    name = found.get("name")
    return Account(id=identity, name=name if isinstance(name, str) else "", is_live=is_live)


def _read(content: bytes) -> Any:
    if not content:
        return {}
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ProviderNotUnderstood("What answers for PayPal writes no JSON.") from None


def _is_token(token: Any) -> bool:
    return (
        isinstance(token, dict)
        and isinstance(token.get("access_token"), str)
        and _TOKEN.fullmatch(token["access_token"]) is not None
        and str(token.get("token_type")).lower() == "bearer"
        and type(token.get("expires_in")) is int
        and token["expires_in"] > 0
    )
