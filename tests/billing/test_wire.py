"""The wire to a payment provider: to whom it speaks, and what it leaves behind."""

import ssl

import pytest

from billing.gateways import wire
from tests.doubles.receiver import response, running_receiver


@pytest.fixture(autouse=True)
def _directly(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def ask(line, url):
    return line.exchange("GET", url, headers={}, body=None, deadline=wire.Deadline(5))


@pytest.fixture
def with_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_receiver(context) as receiver:
        yield receiver


def test_certificate_that_nobody_vouches_for_is_not_accepted(with_tls):
    with pytest.raises(wire.NoAnswer) as refused:
        ask(wire.Wire(), with_tls.url())

    assert (refused.value.reason, refused.value.may_pass) == (
        "its certificate is not accepted",
        False,
    )
    assert with_tls.calls == []


def test_certificate_of_a_configured_authority_is_accepted(with_tls, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    assert ask(wire.Wire(), with_tls.url()).status_code == 200


def test_proxy_is_asked_where_one_is_set(monkeypatch):
    with running_receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url(""))

        ask(wire.Wire(), "http://provider.test/v1/account")

    assert [call.path for call in proxy.calls] == ["http://provider.test/v1/account"]


def test_cookies_are_not_kept():
    with running_receiver() as receiver:
        receiver.answer = lambda _call: response(200, "Set-Cookie: tracked=1; Path=/")
        line = wire.Wire()
        for _ in range(2):
            ask(line, receiver.url())

    assert ["cookie" in call.headers for call in receiver.calls] == [False, False]
    assert receiver.connections == 1


def test_connection_that_said_too_much_is_not_used_again():
    with running_receiver() as receiver:
        line = wire.Wire()
        receiver.behaviour = "endless"
        with pytest.raises(wire.NoAnswer):
            ask(line, receiver.url())
        receiver.behaviour = ""

        assert ask(line, receiver.url()).body == b"ok"

    assert receiver.connections == 2


def test_nothing_is_asked_when_the_time_is_over():
    over = wire.Deadline(0)

    with running_receiver() as receiver, pytest.raises(wire.NoAnswer, match="within 0 seconds"):
        wire.Wire().exchange("GET", receiver.url(), headers={}, body=None, deadline=over)

    assert receiver.connections == 0
