"""The checks of a deployment name what is unsafe, and nothing where nothing is."""

import pytest
from django.core.checks import run_checks

from apikeys.gateway import blocking
from config import checks


@pytest.fixture
def deployed(settings):
    """Configure as a careful operator would."""
    settings.SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
    settings.JWT_SIGNING_KEYS = ["1:another-0123456789abcdefghijklmnopqr"]
    settings.ENCRYPTION_KEYS = ["1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
    settings.KEY_PEPPERS = ["1:" + bytes(range(32, 64)).hex()]
    settings.GATEWAY_SIGNING_KEYS = []
    settings.OPERATOR_ALLOWLIST = ["10.0.0.0/8"]
    settings.TRUSTED_PROXIES = ["10.0.0.1/32"]
    settings.GATEWAY_TRUSTED_PROXIES = []
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    settings.DATABASE_URL = "postgresql://tollgate:x@/tollgate?host=/run/postgresql"
    settings.REDIS_URL = "rediss://redis.example.com:6379/0"
    yield settings
    # The checks of the API's document authenticate: what that remembers would hold for the tests after this one.
    blocking.known_records.cache_clear()


def found():
    looks = (checks.secrets, checks.networks, checks.transports, checks.payments)
    return [(message.id, message.msg) for look in looks for message in look()]


def test_nothing_is_wrong_with_a_careful_deployment(deployed):
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "a" * 60),
        ("JWT_SIGNING_KEYS", ["1:" + "changeme" * 5]),
        ("KEY_PEPPERS", ["1:" + "ab" * 32]),
    ],
)
def test_guessable_secrets_are_named(deployed, name, value):
    setattr(deployed, name, value)

    assert found() == [("tollgate.E001", f"{name} can be guessed.")]


def test_a_secret_for_two_purposes_is_named(deployed):
    deployed.JWT_SIGNING_KEYS = [f"1:{deployed.SECRET_KEY}"]

    assert found() == [("tollgate.E002", "JWT_SIGNING_KEYS has the value of SECRET_KEY.")]


@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "GATEWAY_TRUSTED_PROXIES"])
@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_proxies_that_are_everybody_are_named(deployed, name, everybody):
    setattr(deployed, name, ["10.0.0.1/32", everybody])

    assert [code for code, _ in found()] == ["tollgate.E003"]


def test_an_open_back_office_is_mentioned(deployed):
    deployed.OPERATOR_ALLOWLIST = []

    assert [code for code, _ in found()] == ["tollgate.I001"]


def test_connections_in_the_clear_are_named(deployed):
    deployed.DATABASE_URL = "postgresql://tollgate:x@db.example.com/tollgate"
    deployed.REDIS_URL = "redis://redis.example.com:6379/0"
    deployed.CORS_ALLOWED_ORIGINS = ["http://app.example.com"]

    assert [code for code, _ in found()] == ["tollgate.W001", "tollgate.W002", "tollgate.W003"]


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_an_encrypted_connection_is_fine(deployed, mode):
    deployed.DATABASE_URL = f"postgresql://tollgate:x@db.example.com/tollgate?sslmode={mode}"

    assert found() == []


@pytest.mark.parametrize(
    ("stripe", "paypal", "said"),
    [
        (True, True, None),
        (False, False, None),
        (
            True,
            False,
            "Stripe takes real money, PayPal does not: customers who choose PayPal pay nothing.",
        ),
        (
            False,
            True,
            "PayPal takes real money, Stripe does not: customers who choose Stripe pay nothing.",
        ),
    ],
)
def test_one_provider_in_play_beside_a_live_one_is_named(deployed, stripe, paypal, said):
    deployed.STRIPE_SECRET_KEY, deployed.PAYPAL_CLIENT_ID = "sk_x", "A"
    deployed.STRIPE_LIVE_MODE, deployed.PAYPAL_LIVE_MODE = stripe, paypal
    assert found() == ([("tollgate.W004", said)] if said else [])

    deployed.PAYPAL_CLIENT_ID = ""
    assert found() == []


@pytest.mark.django_db
def test_they_are_checks_of_deployments_only(deployed):
    deployed.OPERATOR_ALLOWLIST, deployed.SECRET_KEY = [], "a" * 60

    here = {message.id for message in run_checks()}
    there = {message.id for message in run_checks(include_deployment_checks=True)}

    assert not {"tollgate.E001", "tollgate.I001"} & here
    assert {"tollgate.E001", "tollgate.I001"} <= there
