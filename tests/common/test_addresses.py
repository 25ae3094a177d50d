"""One reading of addresses serves the log, the sign-in guard, sessions and the audit log; nobody can talk it into another."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, path

from accounts.models import Session
from audit.models import AuditLog
from config.common import context
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
urlpatterns: list[URLPattern] = []
LOGIN = "/api/v1/auth/login"
PROXY = "10.0.0.1"
CLIENT = "198.51.100.1"
SPOOFS = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6",
    "X-Client-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
    "CF-Connecting-IP": "6.6.6.6",
}


@pytest.fixture(autouse=True)
def _one_proxy(settings):
    settings.TRUSTED_PROXIES = [f"{PROXY}/32"]


def sign_in(password, *, peer, **headers):
    return Client().post(
        LOGIN,
        {"email": "olivia@example.com", "password": password},
        content_type="application/json",
        REMOTE_ADDR=peer,
        headers=headers,
    )


def addresses_noted():
    """Return every address that the product has stored."""
    stored = [*Session.objects.values_list("ip", flat=True)]
    stored += AuditLog.objects.exclude(ip=None).values_list("ip", flat=True)
    return set(stored)


def test_what_a_client_claims_is_stored_nowhere(olivia):
    assert sign_in(PASSWORD, peer=CLIENT, **SPOOFS).status_code == 200
    assert sign_in("a wrong one", peer=CLIENT, **SPOOFS).status_code == 401

    assert addresses_noted() == {CLIENT}


@pytest.mark.parametrize(
    "chain",
    [CLIENT, f"6.6.6.6, {CLIENT}", f"6.6.6.6,{CLIENT}:51234", f"unknown, ::ffff:{CLIENT}"],
    ids=["alone", "spoofed", "with a port", "mapped"],
)
def test_what_the_proxy_says_is_stored(olivia, chain):
    spoofs = {**SPOOFS, "X-Forwarded-For": chain}

    assert sign_in(PASSWORD, peer=PROXY, **spoofs).status_code == 200

    assert addresses_noted() == {CLIENT}


def test_changing_a_claim_gives_no_fresh_guesses(olivia):
    statuses = [
        sign_in("a wrong one", peer=CLIENT, **{"X-Forwarded-For": f"6.6.6.{number}"}).status_code
        for number in range(12)
    ]

    assert 429 in statuses
    assert statuses == sorted(statuses)


@pytest.fixture
def seen(settings):
    """Return the circumstances of every request to /seen."""
    facts = []

    def look(_request):
        facts.append(context.current())
        return HttpResponse()

    settings.ROOT_URLCONF = __name__
    urlpatterns[:] = [path("seen", look)]
    return facts


def test_the_context_has_the_same_address(seen):
    Client().get("/seen", REMOTE_ADDR=CLIENT, headers={**SPOOFS, "User-Agent": "a\x1b[31mb\x7f"})

    assert [(facts.ip, facts.user_agent) for facts in seen] == [(CLIENT, "a[31mb")]


@pytest.mark.parametrize(
    ("offered", "trace"),
    [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ""),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n", ""),
        ("x" * 5_000, ""),
    ],
    ids=["good", "no trace", "no parent", "version", "upper case", "line feed", "long"],
)
def test_a_trace_is_honored_when_it_is_well_formed(seen, offered, trace):
    Client().get("/seen", headers={"traceparent": offered})

    assert [facts.trace_id for facts in seen] == [trace]
