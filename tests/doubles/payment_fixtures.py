"""Fixtures of payment providers, imported by the conftest of each folder that asks one."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.payments import (
    CLIENT_ID,
    CLIENT_SECRET,
    STRIPE_KEY,
    PayPalServer,
    StripeServer,
    paypal_serving,
    stripe_serving,
)


@pytest.fixture
def stripe_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeServer]:
    """Stripe's stand-in, with the key that opens its account in the settings."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with stripe_serving() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = STRIPE_KEY, "whsec_canary"
        settings.STRIPE_API_BASE = server.url
        yield server


@pytest.fixture
def paypal_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PayPalServer]:
    """PayPal's stand-in, with the keys of its app in the settings."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with paypal_serving() as server:
        settings.PAYPAL_CLIENT_ID, settings.PAYPAL_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.PAYPAL_WEBHOOK_ID, settings.PAYPAL_API_BASE = (
            "8PT597110X687430LKGECATA",
            server.url,
        )
        yield server
