"""Creating a key."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from apikeys import secrets
from apikeys.models import ApiKey, Secret
from apikeys.restrictions import EnvironmentName
from apikeys.services import keys
from audit.models import AuditLog
from billing.services import subscriptions
from config.common.errors import InvalidInput
from organizations.models import Organization
from tests import race
from tests.factories.apikeys import ApiKeyFactory
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db

PATH = "/api/v1/api-keys"


def faults(answer):
    """Return the pointers and codes of a refusal."""
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


def test_returns_the_secret_once(api_as, olivia):
    api = api_as(olivia)

    answer = api.post(PATH, {"name": "Checkout", "environment": "test"})

    body = answer.json()
    assert answer.status_code == 201
    assert secrets.parse(body["key"]) == secrets.ParsedSecret(body["key"], EnvironmentName.TEST)
    assert (body["prefix"], body["last4"]) == (body["key"][:12], body["key"][-4:])
    assert answer["Cache-Control"] == "no-store"
    assert "key" not in api.get(f"{PATH}/{body['id']}").json()
    assert body["key"] not in api.get(PATH).content.decode()


def test_needs_only_a_name(api_as, olivia):
    body = api_as(olivia).post(PATH, {"name": " Checkout "}).json()

    assert {
        name: body[name]
        for name in body
        if name not in {"id", "key", "prefix", "last4", "created_at", "updated_at"}
    } == {
        "name": "Checkout",
        "description": "",
        "environment": "live",
        "status": "active",
        "enabled": True,
        "scopes": [],
        "rate": None,
        "quota": None,
        "credits": None,
        "ip_allowlist": [],
        "allowed_origins": [],
        "metadata": {},
        "external_id": "",
        "created_by": olivia.pk,
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
        "is_outdated": False,
    }


def test_keeps_settings_in_canonical_form(api_as, olivia):
    settings = {
        "name": "Checkout",
        "scopes": ["orders:read", "orders:*", "orders:read"],
        "rate": {"limit": 20},
        "quota": {"limit": 1000, "period": "billing"},
        "credits": {"amount": "12.5", "refill": "daily"},
        "ip_allowlist": ["203.0.113.7", "2001:DB8::/32", "203.0.113.77/24", "::ffff:192.0.2.1"],
        "allowed_origins": ["HTTPS://App.Example.com:443", "https://*.example.com"],
        "metadata": {"team": "payments"},
        "external_id": "c-1",
        "expires_at": "2099-01-01T00:00:00+01:00",
        "enabled": False,
    }

    body = api_as(olivia).post(PATH, settings).json()

    assert body["scopes"] == ["orders:read", "orders:*"]
    assert body["rate"] == {"limit": 20, "per_seconds": 1, "burst": 20}
    assert body["quota"] == {"limit": 1000, "period": "billing"}
    assert body["credits"] == {"amount": "12.5", "refill": "daily"}
    assert body["ip_allowlist"] == [
        "203.0.113.7/32",
        "2001:db8::/32",
        "203.0.113.0/24",
        "192.0.2.1/32",
    ]
    assert body["allowed_origins"] == ["https://app.example.com", "https://*.example.com"]
    assert (body["expires_at"], body["status"]) == ("2098-12-31T23:00:00Z", "disabled")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, ("#/name", "blank")),
        ({"name": "n" * 81}, ("#/name", "max_length")),
        ({"name": "\u202etuokcehC"}, ("#/name", "name")),
        ({"name": "Check\u200bout"}, ("#/name", "name")),
        ({"name": "Check\u3164out"}, ("#/name", "name")),
        ({"name": "Checkout\nRevoked"}, ("#/name", "name")),
        ({"nmae": "typo"}, ("#/nmae", "unknown_member")),
        ({"environment": "prod"}, ("#/environment", "invalid_choice")),
        ({"scopes": ["a", "orders read"]}, ("#/scopes/1", "scope")),
        ({"scopes": ["AND"]}, ("#/scopes/0", "scope")),
        ({"scopes": [f"s{number}" for number in range(101)]}, ("#/scopes", "too_many")),
        ({"ip_allowlist": ["10.0.0.0/33"]}, ("#/ip_allowlist/0", "network")),
        ({"ip_allowlist": ["10.0.0.1", "example.com"]}, ("#/ip_allowlist/1", "network")),
        ({"allowed_origins": ["https://app.example.com/path"]}, ("#/allowed_origins/0", "origin")),
        ({"allowed_origins": ["https://*.com"]}, ("#/allowed_origins/0", "origin")),
        ({"allowed_origins": ["http://*.example.com"]}, ("#/allowed_origins/0", "origin")),
        ({"allowed_origins": ["null"]}, ("#/allowed_origins/0", "origin")),
        ({"rate": {"limit": 0}}, ("#/rate/limit", "min_value")),
        ({"rate": {"limit": 5, "seconds": 1}}, ("#/rate/seconds", "unknown_member")),
        ({"rate": {"limit": 1_001}}, ("#/rate/limit", "above_plan")),
        ({"rate": {"limit": 1, "burst": 60_001}}, ("#/rate/burst", "above_plan")),
        ({"quota": {"limit": 5, "period": "year"}}, ("#/quota/period", "invalid_choice")),
        ({"quota": {"period": "day"}}, ("#/quota/limit", "required")),
        ({"credits": {"amount": "-1"}}, ("#/credits/amount", "min_value")),
        ({"credits": {"amount": "0.0000001"}}, ("#/credits/amount", "max_decimal_places")),
        ({"metadata": {"text": "x" * 10_240}}, ("#/metadata", "too_large")),
        ({"metadata": []}, ("#/metadata", "not_a_dict")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, ("#/expires_at", "in_the_past")),
        ({"expires_at": "2200-01-01T00:00:00Z"}, ("#/expires_at", "too_late")),
        ({"expires_at": "9999-12-31T23:59:59Z"}, ("#/expires_at", "too_late")),
        ({"external_id": "e" * 256}, ("#/external_id", "max_length")),
    ],
)
def test_points_to_what_is_not_valid(api_as, olivia, changes, fault):
    answer = api_as(olivia).post(PATH, {"name": "Checkout", **changes})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert faults(answer) == [fault]
    assert not ApiKey.objects.exists()
    assert not Secret.objects.exists()


def test_reports_all_faults_at_once(api_as, olivia):
    answer = api_as(olivia).post(
        PATH,
        {
            "name": "K",
            "scopes": ["a b"],
            "ip_allowlist": ["x"],
            "allowed_origins": ["y"],
            "rate": {"limit": 5000},
        },
    )

    assert faults(answer) == [
        ("#/scopes/0", "scope"),
        ("#/ip_allowlist/0", "network"),
        ("#/allowed_origins/0", "origin"),
        ("#/rate/limit", "above_plan"),
    ]


def test_accepts_metadata_up_to_ten_kilobytes(api_as, olivia):
    metadata = {"text": "x" * (10_240 - len('{"text":""}'))}

    answer = api_as(olivia).post(PATH, {"name": "Checkout", "metadata": metadata})

    assert (answer.status_code, answer.json()["metadata"]) == (201, metadata)


def test_refuses_an_unknown_query_parameter(api_as, olivia):
    answer = api_as(olivia).post(f"{PATH}?dry_run=1", {"name": "Checkout"})

    assert answer.status_code == 400
    assert [(fault["pointer"], fault["location"]) for fault in answer.json()["errors"]] == [
        ("#/dry_run", "query")
    ]
    assert not ApiKey.objects.exists()


def test_refuses_people_whose_address_is_not_verified(api_as, olivia):
    User.objects.filter(pk=olivia.pk).update(email_verified_at=None)

    answer = api_as(olivia).post(PATH, {"name": "Checkout"})

    assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
    assert not ApiKey.objects.exists()


def test_refuses_viewers(api_as, vera, organization):
    answer = api_as(vera).post(PATH, {"name": "Checkout"})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not ApiKey.objects.exists()


def test_refuses_more_keys_than_the_plan_allows(api_as, olivia, organization):
    ApiKeyFactory.create_batch(10, organization=organization)

    answer = api_as(olivia).post(PATH, {"name": "One more"})

    assert (answer.status_code, answer.json()["code"]) == (409, "api_key_limit_reached")
    assert answer.json()["limit"] == 10
    assert ApiKey.objects.count() == 10


def test_counts_no_revoked_keys(api_as, olivia, organization):
    spent = ApiKeyFactory.create_batch(10, organization=organization)
    keys.revoke_key(key=spent[0], at=timezone.now())

    answer = api_as(olivia).post(PATH, {"name": "One more"})

    assert answer.status_code == 201


def test_follows_the_plan(api_as, olivia, organization):
    subscriptions.change_plan(organization=organization, plan_code="ENTERPRISE")

    answer = api_as(olivia).post(PATH, {"name": "Checkout", "rate": {"limit": 50_000}})

    assert answer.json()["rate"] == {"limit": 50_000, "per_seconds": 1, "burst": 50_000}


def test_a_key_ends_later_than_it_begins(organization):
    at = timezone.now()

    with pytest.raises(InvalidInput) as refused:
        keys.create_key(
            organization=organization,
            created_by=None,
            settings={"name": "Brief", "environment": "live", "expires_at": at},
            at=at,
        )

    assert [fault.pointer for fault in refused.value.errors] == ["#/expires_at"]
    assert not ApiKey.objects.exists()


def test_a_ceiling_counts_calls_per_second(api_as, olivia):
    answer = api_as(olivia).post(
        PATH, {"name": "Checkout", "rate": {"limit": 60_000, "per_seconds": 60, "burst": 100}}
    )

    assert answer.status_code == 201


def test_is_audited_and_owed_as_a_webhook(api_as, olivia, organization):
    body = api_as(olivia).post(PATH, {"name": "Checkout"}).json()

    entry = AuditLog.objects.get(event="api_key.created")
    assert (entry.actor_id, entry.organization_id, entry.target_id) == (
        olivia.pk,
        organization.pk,
        body["id"],
    )
    message = WebhookMessage.objects.get(event_type="api_key.created")
    assert message.organization_id == organization.pk
    assert message.payload["data"] == {
        "organization_id": organization.pk,
        "api_key_id": body["id"],
        "key_name": "Checkout",
        "environment": "live",
    }


def test_leaves_no_trace_when_the_audit_log_cannot_be_written(api_as, olivia, break_audit_log):
    api = api_as(olivia)
    api.raise_request_exception = False
    break_audit_log()

    answer = api.post(PATH, {"name": "Checkout"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert not ApiKey.objects.exists()
    assert not Secret.objects.exists()
    assert not WebhookMessage.objects.filter(event_type="api_key.created").exists()


def test_stores_only_a_keyed_digest(api_as, olivia, settings):
    key = api_as(olivia).post(PATH, {"name": "Checkout"}).json()["key"]

    stored = Secret.objects.get()
    newest = secrets.parse_peppers(settings.KEY_PEPPERS)[0]
    assert bytes(stored.digest) == secrets.digest(key, newest)
    assert bytes(stored.digest) != hashlib.sha256(key.encode()).digest()
    assert stored.pepper_version == newest.version


def test_ends_when_it_is_told(organization):
    at = timezone.now()
    key = ApiKeyFactory.create(organization=organization, expires_at=at + timedelta(hours=1), at=at)

    assert key.status == "active"
    key.expires_at = at
    assert key.status == "expired"


@pytest.mark.django_db(transaction=True)
def test_a_race_makes_no_more_keys_than_the_plan_allows(olivia, organization):
    def create(number):
        return keys.create_key(
            organization=Organization.objects.get(pk=organization.pk),
            created_by=olivia,
            settings={"name": f"Key {number}", "environment": "live"},
            at=timezone.now(),
        )

    results = race.together(16, create)

    refused = [result for result in results if isinstance(result, keys.KeyLimitReached)]
    assert ApiKey.objects.count() == 10
    assert Secret.objects.count() == 10
    assert len(refused) == 6
