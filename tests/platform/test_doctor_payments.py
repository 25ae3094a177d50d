"""The doctor asks each payment provider whose account its keys open, and never waits for long."""

from io import StringIO

import pytest
from django.core.management import call_command

from config.examinations import payments
from tests.doubles.payments import CLIENT_SECRET, STRIPE_KEY
from tests.patience import at_most
from tests.ports import free_port


def said():
    """Return what is found of each provider: its state and its remedy."""
    return {
        finding.subject: (finding.state, finding.remedy) for finding in payments.payment_providers()
    }


def test_nothing_is_asked_where_nothing_is_configured(settings):
    # Whoever asked would find nobody.
    settings.STRIPE_API_BASE = settings.PAYPAL_API_BASE = f"http://127.0.0.1:{free_port()}"

    assert said() == {"stripe": ("switched off", ""), "paypal": ("switched off", "")}


def test_account_and_mode_are_told(stripe_server, paypal_server, settings):
    settings.PAYPAL_LIVE_MODE = True

    assert said() == {
        "stripe": ("account acct_1Rocket (Rocket Rides), test", ""),
        "paypal": ("account 2J6QB8YJQSJRJ (Rocket Rides), live", ""),
    }


def test_keys_that_may_not_say_whose_they_are_are_good(paypal_server):
    paypal_server.says_who = False

    assert said()["paypal"] == ("keys accepted; they may not say whose they are, test", "")


def test_what_a_provider_says_cannot_write_on_the_terminal(stripe_server):
    account = stripe_server.accounts[STRIPE_KEY]
    account["business_profile"]["name"] = "\x1b[2JRides\r\n" + "x" * 100

    assert said()["stripe"] == (f"account acct_1Rocket ([2JRides{'x' * 52}), test", "")


def test_refused_keys_are_named_with_their_remedy(stripe_server, paypal_server):
    stripe_server.accounts.clear()
    paypal_server.secrets.clear()

    assert said() == {
        "stripe": (
            "Stripe does not know the key.",
            "set STRIPE_SECRET_KEY to a key of Stripe's dashboard that is not revoked",
        ),
        "paypal": (
            "PayPal does not know the keys.",
            "set PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET of one app, of the kind that PAYPAL_API_BASE is for",
        ),
    }


def test_provider_that_is_away_or_another_is_named(stripe_server, paypal_server):
    stripe_server.failures.extend([503] * 9)
    paypal_server.receiver.behaviour = "redirect"

    assert said() == {
        "stripe": (
            "Stripe cannot answer now: status 503.",
            "let this machine reach STRIPE_API_BASE, or wait for Stripe",
        ),
        "paypal": (
            "What answers for PayPal makes no sense: status 301.",
            "leave PAYPAL_API_BASE out, or set it to https://api-m.paypal.com",
        ),
    }


def test_each_provider_has_five_seconds(stripe_server, paypal_server):
    stripe_server.receiver.behaviour = paypal_server.receiver.behaviour = "drip-head"

    with at_most(10):
        found = said()

    assert [state for state, _ in found.values()] == [
        "Stripe cannot be reached: no answer within 4 seconds.",
        "PayPal cannot be reached: no answer within 4 seconds.",
    ]


@pytest.mark.django_db
def test_doctor_prints_what_is_found_and_no_secret(stripe_server, paypal_server):
    paypal_server.secrets.clear()
    told = StringIO()

    with pytest.raises(SystemExit):
        call_command("doctor", stdout=told)

    assert "ok     stripe      account acct_1Rocket (Rocket Rides), test\n" in told.getvalue()
    assert "WRONG  paypal      PayPal does not know the keys.\n" in told.getvalue()
    assert not [secret for secret in (STRIPE_KEY, CLIENT_SECRET) if secret in told.getvalue()]
