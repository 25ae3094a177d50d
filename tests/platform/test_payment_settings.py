"""Keys of payment providers: which stop the start, which move real money, and what is written down of them."""

import os
import subprocess
import sys

import pytest

from config.embedded.place import BASE_DIR
from tests.platform.deployed import GOOD, deploy


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"STRIPE_SECRET_KEY": "pk_live_0123456789"},
            "STRIPE_SECRET_KEY is no secret key: those begin with sk_ or rk_, test_ or live_",
        ),
        (
            {"STRIPE_SECRET_KEY": "sk_test_0123\n456789"},
            "STRIPE_SECRET_KEY is no secret key: those begin with sk_ or rk_, test_ or live_",
        ),
        (
            {"STRIPE_WEBHOOK_SECRET": "sk_test_0123456789"},
            "STRIPE_WEBHOOK_SECRET is no signing secret: those begin with whsec_",
        ),
        (
            {"STRIPE_SECRET_KEY": "rk_live_0123456789", "STRIPE_API_BASE": "https://x.example"},
            "STRIPE_API_BASE must be left out with a live key: others would be sent it",
        ),
        (
            {"STRIPE_API_BASE": "http://x.example"},
            "STRIPE_API_BASE must begin with https: keys travel to it",
        ),
        (
            {"PAYPAL_API_BASE": "http://api-m.paypal.com"},
            "PAYPAL_API_BASE must begin with https: keys travel to it",
        ),
        (
            {"PAYPAL_API_BASE": "https://api-m.paypal.com/v1"},
            "PAYPAL_API_BASE is malformed: expected an origin like https://tollgate.example.com",
        ),
    ],
)
def test_payment_keys_that_would_go_astray_stop_the_start(changed, problem):
    assert deploy(**changed) == (1, f"tollgate: {problem}\n")


@pytest.mark.parametrize(
    ("changed", "modes"),
    [
        ({}, "False False"),
        (
            {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_API_BASE": "http://localhost:1"},
            "False False",
        ),
        (
            {"STRIPE_SECRET_KEY": "rk_live_1", "STRIPE_API_BASE": "https://API.stripe.com/"},
            "True False",
        ),
        ({"PAYPAL_API_BASE": "https://api-m.paypal.com"}, "False True"),
        ({"PAYPAL_API_BASE": "https://api-m.sandbox.paypal.com"}, "False False"),
        ({"PAYPAL_API_BASE": "http://127.0.0.1:9"}, "False False"),
    ],
)
def test_real_money_moves_only_with_a_live_key_or_base(changed, modes):
    code = "import config.settings.production as s; print(s.STRIPE_LIVE_MODE, s.PAYPAL_LIVE_MODE)"
    start = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"], **GOOD, **changed},
        capture_output=True,
        text=True,
    )

    assert (start.stdout, start.stderr) == (f"{modes}\n", "")


def test_payment_sdks_do_not_write_down_what_they_send():
    code = (
        "import logging, os, django; django.setup(); import sys;"
        "print(*(logging.getLogger(n).isEnabledFor(20) for n in ('stripe', 'paypalrestsdk', 'x')));"
        "print(*(n in sys.modules for n in ('paypalrestsdk', 'billing.gateways.stripe')))"
    )
    start = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "LOG_LEVEL": "DEBUG",
            **GOOD,
        },
        capture_output=True,
        text=True,
    )

    # Nor are they loaded by a process that asks no provider.
    assert start.stdout == "False False True\nFalse False\n"
