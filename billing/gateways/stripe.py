"""Stripe through its own client: the version we know, our time limits, and nothing told that was not asked for."""

from collections.abc import Mapping
from threading import local
from typing import Any

import stripe
from django.conf import settings

from billing.gateways import wire
from billing.gateways.base import (
    Account,
    KeysRefused,
    ProviderFailed,
    ProviderNotUnderstood,
    ProviderUnavailable,
)

# All that one call may take, its repetitions included: Stripe itself gives up on a charge after some 30 seconds.
_SECONDS = 40.0
_RETRIES = 2
_PROBE_SECONDS = 4.0
# What the SDK says of this machine and of itself.
_TELLING = {"x-stripe-client-user-agent", "x-stripe-client-telemetry", "user-agent"}


class _BoundedHttp(stripe.HTTPClient):
    """The SDK's own place for an HTTP client: it decides what is repeated, the wire and a deadline how long."""

    name = "tollgate"

    def __init__(self, *, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._of_thread = local()

    def request_with_retries(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,
        max_network_retries: int | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Do one call: all of its attempts share one deadline."""
        self._of_thread.deadline = wire.Deadline(self._seconds)
        return super().request_with_retries(
            method, url, headers, post_data, max_network_retries, _usage=_usage
        )

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Do one attempt."""
        of_thread = self._of_thread
        if not hasattr(of_thread, "wire"):
            of_thread.wire = wire.Wire()
        kept = {
            name: text for name, text in (headers or {}).items() if name.lower() not in _TELLING
        }
        try:
            answer = of_thread.wire.exchange(
                method, url, headers=kept, body=post_data, deadline=of_thread.deadline
            )
        except wire.NoAnswer as failed:
            # The same Idempotency-Key goes with every attempt.
            raise stripe.APIConnectionError(failed.reason, should_retry=failed.may_pass) from None
        # The SDK fails on what is no text before it looks whether it is JSON; on nothing it does not.
        return answer.body if _is_text(answer.body) else b"", answer.status_code, answer.headers

    def close(self) -> None:
        """End this thread's connections."""
        if hasattr(self._of_thread, "wire"):
            self._of_thread.wire.close()


def client(
    *, key: str = "", seconds: float = _SECONDS, retries: int = _RETRIES
) -> stripe.StripeClient:
    """Return a client, with the configured key unless another is given. Keep it: it keeps its connections."""
    base = settings.STRIPE_API_BASE
    is_stand_in = base != stripe.DEFAULT_API_BASE
    return stripe.StripeClient(
        key or settings.STRIPE_SECRET_KEY,
        stripe_version=settings.STRIPE_API_VERSION,
        # Stripe has more hosts than one; what stands in for it has not, and gets everything.
        base_addresses=(
            {"api": base, "connect": base, "files": base, "meter_events": base}
            if is_stand_in
            else {"api": base}
        ),
        max_network_retries=retries,
        http_client=_BoundedHttp(seconds=seconds),
    )


def account() -> Account:
    """Prove the key and say whose it is, within five seconds.

    Raises KeysRefused, ProviderUnavailable or ProviderNotUnderstood.
    """
    is_live = settings.STRIPE_LIVE_MODE
    asked = client(seconds=_PROBE_SECONDS, retries=1)
    try:
        found: object = asked.v1.accounts.retrieve_current()
    except stripe.PermissionError:
        # No right that a restricted key can be given lets it ask this; that it was told so proves it.
        if settings.STRIPE_SECRET_KEY.startswith("rk_"):
            return Account(id="", name="", is_live=is_live)
        raise KeysRefused("Stripe gives the key no rights.") from None
    except stripe.StripeError as error:
        raise _failure(error) from None
    except RecursionError:
        raise ProviderNotUnderstood("Stripe's answer is nested too deeply.") from None
    if not isinstance(found, stripe.Account) or not isinstance(getattr(found, "id", None), str):
        raise ProviderNotUnderstood("What answers for Stripe tells of no account.")
    return Account(id=found.id, name=_name_of(found), is_live=is_live)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _failure(error: stripe.StripeError) -> ProviderFailed:
    # The SDK's own words are left behind: they quote what was answered.
    if isinstance(error, stripe.APIConnectionError):
        return ProviderUnavailable(f"Stripe cannot be reached: {error.user_message}.")
    if isinstance(error, stripe.AuthenticationError):
        return KeysRefused("Stripe does not know the key.")
    status = error.http_status or 0
    if status == 429 or status >= 500:
        return ProviderUnavailable(f"Stripe cannot answer now: status {status}.")
    return ProviderNotUnderstood(f"What answers for Stripe makes no sense: status {status}.")


def _name_of(found: stripe.Account) -> str:
    """Return the first of an account's names that is there: what customers see, what its owners see, its address."""
    profile = getattr(found, "business_profile", None)
    dashboard = getattr(getattr(found, "settings", None), "dashboard", None)
    names = (
        getattr(profile, "name", None),
        getattr(dashboard, "display_name", None),
        getattr(found, "email", None),
    )
    return next((name for name in names if isinstance(name, str) and name), "")
