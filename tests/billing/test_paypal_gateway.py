"""PayPal's gateway: the SDK's client with time limits, one repetition after a 401, and no word about keys."""

import logging
import time
from base64 import b64encode

import pytest
from paypalrestsdk import exceptions

from billing.gateways import paypal
from billing.gateways.base import (
    Account,
    KeysRefused,
    ProviderFailed,
    ProviderNotUnderstood,
    ProviderUnavailable,
)
from tests.doubles.payments import BROKEN, CLIENT_ID, CLIENT_SECRET
from tests.patience import at_most
from tests.ports import free_port

TOKEN, WHO = "/v1/oauth2/token", "/v1/identity/oauth2/userinfo?schema=paypalv1.1"
ONCE = [("POST", TOKEN), ("GET", WHO)]
BASIC = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


@pytest.fixture(autouse=True)
def _secretive(caplog):
    """Log everything, and find no key and no token in it."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "Canary" not in caplog.text
    assert BASIC not in caplog.text


def failure():
    """Return what prevents the proof: nothing of the answer is in it, nor behind it."""
    with pytest.raises(ProviderFailed) as refused:
        paypal.account()
    error = refused.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert "Canary" not in f"{error!r} {error.detail} {error.extras}"
    return type(error), error.detail


def test_account_says_whose_keys_they_are(paypal_server):
    assert paypal.account() == Account(id="2J6QB8YJQSJRJ", name="Rocket Rides", is_live=False)
    assert paypal_server.asked == ONCE


def test_account_of_the_live_mode_is_told_apart(paypal_server, settings):
    settings.PAYPAL_LIVE_MODE = True

    assert paypal.account().is_live is True


def test_requests_say_who_asks_and_nothing_of_this_machine(paypal_server):
    paypal.account()

    host = {"host": f"127.0.0.1:{paypal_server.receiver.port}", "connection": "keep-alive"}
    ours = {"user-agent": "Tollgate-Billing/1.0", "accept-encoding": "identity", **host}
    token, who = paypal_server.receiver.calls
    assert token.headers == {
        **ours,
        "accept": "application/json",
        "authorization": f"Basic {BASIC}",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "29",
    }
    assert who.headers == {
        **ours,
        "accept": "application/json",
        "authorization": "Bearer A21AATokenCanary1",
        "content-type": "application/json",
    }
    assert (token.body, who.body) == (b"grant_type=client_credentials", b"")
    assert paypal_server.receiver.connections == 1


def test_netrc_file_replaces_no_keys(paypal_server, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert paypal.account().id == "2J6QB8YJQSJRJ"


def test_app_that_may_not_say_whose_it_is_is_proved_all_the_same(paypal_server):
    paypal_server.says_who = False

    assert paypal.account() == Account(id="", name="", is_live=False)


def test_unknown_keys_are_refused_and_asked_about_once(paypal_server):
    paypal_server.secrets.clear()

    assert failure() == (KeysRefused, "PayPal does not know the keys.")
    assert paypal_server.asked == [("POST", TOKEN)]


def test_token_is_kept_until_it_runs_out(paypal_server):
    client = paypal.Client()
    client.get(WHO)
    client.get(WHO)
    assert paypal_server.asked == [*ONCE, ("GET", WHO)]

    paypal_server.token_seconds = 1
    paypal_server.tokens["A21AATokenCanary1"] = 0
    client.get(WHO)
    time.sleep(1.1)
    client.get(WHO)
    assert paypal_server.asked[3:] == [("GET", WHO), *ONCE, *ONCE]


def test_a_401_is_answered_by_a_new_token_and_the_same_bytes_once(paypal_server):
    client = paypal.Client()
    client.get(WHO)
    paypal_server.tokens.clear()
    paypal_server.tokens["taken-back"] = 0

    order = client.post(
        "/v2/checkout/orders", {"note": "Zoë · 1.10"}, headers={"PayPal-Request-Id": "1"}
    )

    assert order == {"id": "5O190127TN364715T", "status": "CREATED"}
    first, token, second = paypal_server.receiver.calls[2:]
    assert first.body == second.body == b'{"note": "Zo\\u00eb \\u00b7 1.10"}'
    assert first.headers["paypal-request-id"] == second.headers["paypal-request-id"] == "1"
    assert first.headers["authorization"] != second.headers["authorization"]
    assert (token.path, "paypal-request-id" in token.headers) == (TOKEN, False)


def test_a_second_401_is_the_end(paypal_server):
    paypal_server.token_seconds = 3_600
    client = paypal.Client()
    client.get(WHO)
    paypal_server.failures.extend([401])
    assert client.get(WHO)["payer_id"] == "2J6QB8YJQSJRJ"

    asked = len(paypal_server.asked)
    # The token is given, and then refused.
    paypal_server.refuses_tokens = True
    with pytest.raises(KeysRefused) as refused:
        client.get(WHO)

    assert refused.value.detail == "PayPal takes no token that it gives for these keys."
    assert paypal_server.asked[asked:] == [("GET", WHO), *ONCE]


def test_other_refusals_keep_what_paypal_says_out_of_their_words(paypal_server):
    client = paypal.Client()

    with pytest.raises(exceptions.ResourceInvalid) as refused:
        client.post("/v2/payments/captures/1/refund", {})

    assert "Canary" not in str(refused.value)
    assert b"Canary" in refused.value.response.body


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failures_of_paypals_are_named(paypal_server, status):
    paypal_server.failures.append(status)

    assert failure() == (ProviderUnavailable, f"PayPal cannot answer now: status {status}.")
    assert len(paypal_server.asked) == 1


def test_nobody_there_is_named(settings, paypal_server):
    settings.PAYPAL_API_BASE = f"http://127.0.0.1:{free_port()}"

    assert failure() == (
        ProviderUnavailable,
        "PayPal cannot be reached: the connection failed or broke off.",
    )


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no json", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b"{}"),
        b'{"access_token": "a b", "token_type": "Bearer", "expires_in": 9}',
        b'{"access_token": "a\\r\\nX: y", "token_type": "Bearer", "expires_in": 9}',
        b'{"access_token": "abc", "token_type": "Basic", "expires_in": 9}',
        b'{"access_token": "abc", "token_type": "Bearer", "expires_in": "9"}',
        b'{"access_token": "abc", "token_type": "Bearer", "expires_in": true}',
        b'{"access_token": "abc", "token_type": "Bearer"}',
    ],
    ids=lambda body: repr(body[:80]),
)
def test_token_that_makes_no_sense_is_named(paypal_server, body):
    paypal_server.answers.append(body)

    assert failure()[0] is ProviderNotUnderstood
    assert paypal_server.asked == [("POST", TOKEN)]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"payer_id": 7}', b'{"payer_id": ""}'])
def test_account_that_makes_no_sense_is_named(paypal_server, body):
    token = b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 9}'
    paypal_server.answers.extend([token, body])

    assert failure() == (
        ProviderNotUnderstood,
        "What answers for PayPal tells of no account.",
    )


@pytest.mark.parametrize("status", [400, 404, 422])
def test_refusal_of_the_question_itself_is_named(paypal_server, status):
    paypal_server.failures.append(status)

    assert failure() == (
        ProviderNotUnderstood,
        f"What answers for PayPal makes no sense: status {status}.",
    )


def test_redirect_is_not_followed(paypal_server):
    paypal_server.receiver.behaviour = "redirect"

    assert failure() == (
        ProviderNotUnderstood,
        "What answers for PayPal makes no sense: status 301.",
    )
    assert paypal_server.asked == [("POST", TOKEN)]


@pytest.mark.parametrize("behaviour", ["hang", "drip", "drip-head"])
def test_slow_answer_ends_after_four_seconds(paypal_server, behaviour):
    paypal_server.receiver.behaviour = behaviour

    with at_most(5):
        told = failure()

    assert told == (
        ProviderUnavailable,
        "PayPal cannot be reached: no answer within 4 seconds.",
    )


def test_four_seconds_are_all_that_both_questions_have(paypal_server):
    paypal_server.pause = 2.5

    with at_most(5):
        kind, _ = failure()

    assert kind is ProviderUnavailable


@pytest.mark.parametrize(("behaviour", "reason"), BROKEN)
def test_broken_answer_is_named(paypal_server, behaviour, reason):
    paypal_server.receiver.behaviour = behaviour

    assert failure() == (ProviderUnavailable, f"PayPal cannot be reached: {reason}.")


def test_what_is_packed_is_not_unpacked(paypal_server):
    paypal_server.receiver.behaviour = "bomb"

    assert failure() == (ProviderNotUnderstood, "What answers for PayPal writes no JSON.")
