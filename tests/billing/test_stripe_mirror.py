"""dj-stripe mirrors Stripe's objects, and no key of ours."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction
from djstripe.models import Account, APIKey, Product, WebhookEndpoint

from billing.gateways import mirror
from tests.doubles.payments import STRIPE_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _knows_nobody():
    mirror._asked.cache_clear()
    yield
    mirror._asked.cache_clear()


def product(number):
    return {
        "id": f"prod_{number}",
        "object": "product",
        "active": True,
        "created": 1_767_225_600,
        "livemode": False,
        "metadata": {},
        "name": "Units",
        "type": "service",
    }


def test_objects_are_mirrored_without_the_key_that_fetched_them(stripe_server):
    for number in (1, 2):
        Product.sync_from_stripe_data(product(number), api_key=STRIPE_KEY)

    assert set(Product.objects.values_list("id", "djstripe_owner_account__id")) == {
        ("prod_1", "acct_1Rocket"),
        ("prod_2", "acct_1Rocket"),
    }
    assert Account.objects.get().business_profile == {"name": "Rocket Rides"}
    assert stripe_server.asked == [("GET", "/v1/account")]
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("secret", [STRIPE_KEY, "rk_live_1", "whsec_1", ""])
def test_database_takes_no_secret_key(secret):
    with (
        pytest.raises(IntegrityError, match="djstripe_apikey_holds_no_secret"),
        transaction.atomic(),
    ):
        APIKey.objects.create(type="secret", secret=secret, livemode=False)

    assert not APIKey.objects.exists()


def test_publishable_keys_are_no_secret():
    APIKey.objects.create(type="publishable", secret="pk_test_1", livemode=False)

    assert APIKey.objects.get().secret == "pk_test_1"


def test_database_takes_no_signing_secret():
    with (
        pytest.raises(IntegrityError, match="djstripe_webhookendpoint_holds_no_secret"),
        transaction.atomic(),
    ):
        WebhookEndpoint.objects.create(
            id="we_1",
            secret="whsec_1",
            url="https://x.example",
            enabled_events=[],
            livemode=False,
        )

    assert not WebhookEndpoint.objects.exists()


def test_what_was_kept_before_is_forgotten():
    migration = import_module("config.djstripe_migrations.0002_no_keys_in_clear")
    with connection.cursor() as cursor:
        cursor.execute(migration.BACKWARDS)
    for secret in (STRIPE_KEY, "pk_test_1"):
        APIKey.objects.create(type="secret", secret=secret, livemode=False)
    WebhookEndpoint.objects.create(
        id="we_1", secret="whsec_1", url="https://x.example", enabled_events=[], livemode=False
    )

    # As if these rows had been committed.
    connection.check_constraints()

    with connection.cursor() as cursor:
        cursor.execute(migration.FORWARDS)

    assert APIKey.objects.get().secret == "pk_test_1"
    assert WebhookEndpoint.objects.get().secret == ""
