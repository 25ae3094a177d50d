"""Stripe's gateway proves the key within its time, tells nothing, and has one word for each failure."""

import logging

import pytest
import stripe as sdk

from billing.gateways import stripe
from billing.gateways.base import (
    Account,
    KeysRefused,
    ProviderFailed,
    ProviderNotUnderstood,
    ProviderUnavailable,
)
from tests.doubles.payments import BROKEN, STRIPE_KEY
from tests.patience import at_most
from tests.ports import free_port

GARBAGE = [
    *(b"", b"no json", b"[]", b"{}", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000),
    *(b'{"object": "customer", "id": "cus_1"}', b'{"object": "account"}'),
    b'{"object": "account", "id": 7}',
    # Shallow enough to be read, too deep for what the SDK makes of it.
    *(b'{"object": "account", "a": ' * depth + b"1" + b"}" * depth for depth in (300, 600, 900)),
]


@pytest.fixture(autouse=True)
def _secretive(caplog):
    """Log everything, and find no key in it."""
    caplog.set_level(logging.DEBUG)
    yield
    assert STRIPE_KEY not in caplog.text


def failure():
    """Return what prevents the proof: nothing of the answer is in it, nor behind it."""
    with pytest.raises(ProviderFailed) as refused:
        stripe.account()
    error = refused.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert error.code == "service_unavailable"
    assert "Canary" not in f"{error!r} {error.detail} {error.extras}"
    return type(error), error.detail


def test_account_says_whose_key_it_is(stripe_server):
    assert stripe.account() == Account(id="acct_1Rocket", name="Rocket Rides", is_live=False)
    assert stripe_server.asked == [("GET", "/v1/account")]


def test_request_says_the_version_and_who_asks_and_nothing_of_this_machine(
    stripe_server, monkeypatch, settings, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    # The SDK remembers whether it looked for its id.
    monkeypatch.setattr("stripe._telemetry_id._loaded", False)
    asked = stripe.client()
    asked.v1.accounts.retrieve_current()
    asked.v1.accounts.retrieve_current()

    sent = stripe_server.receiver.calls[-1].headers
    assert sent == {
        "host": f"127.0.0.1:{stripe_server.receiver.port}",
        "user-agent": "Tollgate-Billing/1.0",
        "accept-encoding": "identity",
        "accept": "*/*",
        "connection": "keep-alive",
        "authorization": f"Bearer {STRIPE_KEY}",
        "stripe-version": settings.STRIPE_API_VERSION,
    }
    assert stripe_server.receiver.connections == 1
    assert list(tmp_path.iterdir()) == []


def test_a_netrc_file_replaces_no_key(stripe_server, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert stripe.account().id == "acct_1Rocket"


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"settings": {"dashboard": {"display_name": "Rides"}}}, "Rides"),
        ({"business_profile": {"name": None}, "email": "owner@rocket.test"}, "owner@rocket.test"),
        ({"business_profile": "odd", "settings": [], "email": 7}, ""),
        ({}, ""),
    ],
)
def test_name_is_the_first_that_there_is(stripe_server, document, name):
    stripe_server.accounts[STRIPE_KEY] = {"object": "account", "id": "acct_2", **document}

    assert stripe.account() == Account(id="acct_2", name=name, is_live=False)


def test_restricted_key_is_proved_without_an_account(stripe_server, settings):
    settings.STRIPE_SECRET_KEY = "rk_test_51Canary"
    stripe_server.restricted = {"rk_test_51Canary"}

    assert stripe.account() == Account(id="", name="", is_live=False)


def test_key_of_the_live_mode_is_told_apart(stripe_server, settings):
    settings.STRIPE_LIVE_MODE = True

    assert stripe.account().is_live is True


def test_unknown_key_is_refused(stripe_server):
    stripe_server.accounts.clear()

    assert failure() == (KeysRefused, "Stripe does not know the key.")
    assert len(stripe_server.asked) == 1


def test_key_without_rights_is_refused(stripe_server):
    stripe_server.restricted = {STRIPE_KEY}

    assert failure() == (KeysRefused, "Stripe gives the key no rights.")


def test_one_failure_of_stripes_is_passed_over(stripe_server):
    stripe_server.failures.append(503)

    assert stripe.account().id == "acct_1Rocket"
    assert len(stripe_server.asked) == 2


@pytest.mark.parametrize("status", [500, 503, 429])
def test_lasting_failure_of_stripes_is_named(stripe_server, status):
    stripe_server.failures.extend([status] * 9)

    assert failure() == (ProviderUnavailable, f"Stripe cannot answer now: status {status}.")
    assert len(stripe_server.asked) == (1 if status == 429 else 2)


def test_nobody_there_is_named(settings, stripe_server):
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{free_port()}"

    assert failure() == (
        ProviderUnavailable,
        "Stripe cannot be reached: the connection failed or broke off.",
    )


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:20]))
def test_what_makes_no_sense_is_named(stripe_server, body):
    stripe_server.answers.append(body)

    kind, _ = failure()

    assert kind is ProviderNotUnderstood
    assert len(stripe_server.asked) == 1


def test_redirect_is_not_followed(stripe_server):
    stripe_server.receiver.behaviour = "redirect"

    assert failure() == (
        ProviderNotUnderstood,
        "What answers for Stripe makes no sense: status 301.",
    )
    assert stripe_server.asked == [("GET", "/v1/account")]


@pytest.mark.parametrize("behaviour", ["hang", "drip", "drip-head"])
def test_slow_answer_ends_after_four_seconds(stripe_server, behaviour):
    stripe_server.receiver.behaviour = behaviour

    with at_most(5):
        told = failure()

    assert told == (
        ProviderUnavailable,
        "Stripe cannot be reached: no answer within 4 seconds.",
    )


@pytest.mark.parametrize(("behaviour", "reason"), BROKEN)
def test_broken_answer_is_named(stripe_server, behaviour, reason):
    stripe_server.receiver.behaviour = behaviour

    assert failure() == (ProviderUnavailable, f"Stripe cannot be reached: {reason}.")


def test_what_is_packed_is_not_unpacked(stripe_server):
    stripe_server.receiver.behaviour = "bomb"

    assert failure()[0] is ProviderNotUnderstood


def test_repetitions_carry_one_idempotency_key(stripe_server):
    stripe_server.failures.extend([500, 500])

    with pytest.raises(sdk.InvalidRequestError):
        stripe.client().v1.customers.create({"name": "Zoë"})

    calls = stripe_server.receiver.calls
    assert [call.body for call in calls] == [b"name=Zo%C3%AB"] * 3
    assert len({call.headers["idempotency-key"] for call in calls}) == 1


def test_everything_goes_to_the_stand_in_and_nothing_else(stripe_server):
    addresses = stripe.client()._requestor.base_addresses

    assert set(addresses.values()) == {stripe_server.url}


def test_stripes_own_hosts_are_kept_where_nothing_stands_in(settings):
    settings.STRIPE_SECRET_KEY = STRIPE_KEY

    assert stripe.client()._requestor.base_addresses == {
        "api": "https://api.stripe.com",
        "connect": "https://connect.stripe.com",
        "files": "https://files.stripe.com",
        "meter_events": "https://meter-events.stripe.com",
    }
