"""Changing a key."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from apikeys.services import keys
from apikeys.services.key_checks import KeyChanges
from audit.models import AuditLog
from billing.services import subscriptions
from organizations.services import limits
from tests import race
from tests.factories.apikeys import ApiKeyFactory
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


def path(key):
    """Return where the key is."""
    return f"/api/v1/api-keys/{key.pk}"


def test_changes_what_is_sent_and_nothing_else(api_as, mia, key):
    before = api_as(mia).get(path(key)).json()

    after = api_as(mia).patch(path(key), {"name": "Search", "scopes": ["search:*"]}).json()

    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"name", "scopes", "updated_at"}
    assert (after["name"], after["scopes"]) == ("Search", ["search:*"])


def test_a_change_raises_the_version_that_gates_compare(api_as, olivia, key):
    version = ApiKey.objects.get(pk=key.pk).version

    api_as(olivia).patch(path(key), {"name": "Search"})

    assert ApiKey.objects.get(pk=key.pk).version == version + 1


def test_is_told_with_old_and_new_values(api_as, olivia, key):
    api_as(olivia).patch(path(key), {"rate": {"limit": 5, "per_seconds": 60}, "enabled": False})

    entry = AuditLog.objects.get(event="api_key.updated")
    assert entry.old_values == {
        "rate_limit": None,
        "rate_per_seconds": None,
        "rate_burst": None,
        "enabled": True,
    }
    assert entry.new_values == {
        "rate_limit": 5,
        "rate_per_seconds": 60,
        "rate_burst": 5,
        "enabled": False,
    }
    assert WebhookMessage.objects.filter(event_type="api_key.updated").count() == 1


def test_nothing_happens_when_all_is_as_it_was(api_as, olivia, key):
    version = ApiKey.objects.get(pk=key.pk).version

    answer = api_as(olivia).patch(path(key), {"name": "Checkout", "enabled": True, "rate": None})

    assert answer.status_code == 200
    assert ApiKey.objects.get(pk=key.pk).version == version
    assert not AuditLog.objects.filter(event="api_key.updated").exists()


def test_null_takes_limits_away(api_as, olivia, organization):
    key = ApiKeyFactory.create(
        organization=organization,
        rate_limit=5, quota_limit=10, quota_period="day", credits_micro=1_000_000, credits_refill="daily",
    )  # fmt: skip

    after = api_as(olivia).patch(path(key), {"rate": None, "quota": None, "credits": None}).json()

    assert (after["rate"], after["quota"], after["credits"]) == (None, None, None)
    key.refresh_from_db()
    assert (key.rate_burst, key.quota_period, key.credits_refill) == (None, "", "none")


def test_disables_and_enables(api_as, olivia, key):
    api = api_as(olivia)

    disabled = api.patch(path(key), {"enabled": False}).json()
    enabled = api.patch(path(key), {"enabled": True}).json()

    assert (disabled["status"], enabled["status"]) == ("disabled", "active")


def test_an_end_may_be_moved_and_taken_away(api_as, olivia, key, clock):
    api = api_as(olivia)

    moved = api.patch(path(key), {"expires_at": "2026-03-02T10:00:00Z"}).json()
    endless = api.patch(path(key), {"expires_at": None}).json()

    assert (moved["expires_at"], endless["expires_at"]) == ("2026-03-02T10:00:00Z", None)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"environment": "test"}, "#/environment"),
        ({"prefix": "tg_live_0000"}, "#/prefix"),
        ({"id": 1}, "#/id"),
        ({"organization_id": 1}, "#/organization_id"),
        ({"revoked_at": None}, "#/revoked_at"),
        ({"name": " "}, "#/name"),
        ({"name": None}, "#/name"),
        ({"scopes": "orders:read"}, "#/scopes"),
        ({"rate": {"per_seconds": 1}}, "#/rate/limit"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
    ],
)
def test_refuses_what_cannot_be_changed(api_as, olivia, key, changes, pointer):
    before = ApiKey.objects.filter(pk=key.pk).values().get()

    answer = api_as(olivia).patch(path(key), changes)

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert ApiKey.objects.filter(pk=key.pk).values().get() == before


def test_refuses_viewers(api_as, vera, key):
    answer = api_as(vera).patch(path(key), {"name": "Mine"})

    assert answer.status_code == 403
    assert ApiKey.objects.get(pk=key.pk).name == "Checkout"


def test_a_revoked_key_stays_as_it_is(api_as, olivia, key):
    keys.revoke_key(key=key, at=timezone.now())

    answer = api_as(olivia).patch(path(key), {"name": "Again"})

    assert (answer.status_code, answer.json()["code"]) == (409, "api_key_revoked")
    assert ApiKey.objects.get(pk=key.pk).name == "Checkout"


def test_an_organizations_own_rate_lifts_the_plans_ceiling(api_as, olivia, organization, key):
    refused = api_as(olivia).patch(path(key), {"rate": {"limit": 2_000}})
    limits.override_limits(
        organization=organization,
        limits={
            "rate_limit": 9_000,
            "rate_per_seconds": 1,
            "rate_burst": 9_000,
            "quota_limit": None,
        },
    )

    allowed = api_as(olivia).patch(path(key), {"rate": {"limit": 2_000}})

    assert (refused.status_code, allowed.status_code) == (400, 200)


def test_a_rate_above_a_smaller_plan_does_not_stop_other_changes(api_as, olivia, organization, key):
    subscriptions.change_plan(organization=organization, plan_code="PRO")
    keys.update_key(
        key=key,
        settings={"rate_limit": 9_000, "rate_per_seconds": 1, "rate_burst": 9_000},
        at=timezone.now(),
    )
    subscriptions.change_plan(organization=organization, plan_code="FREE")

    answer = api_as(olivia).patch(path(key), {"name": "Search"})

    assert (answer.status_code, answer.json()["rate"]["limit"]) == (200, 9_000)


def test_leaves_no_trace_when_the_audit_log_cannot_be_written(key, break_audit_log):
    break_audit_log()

    with pytest.raises(RuntimeError):
        keys.update_key(key=key, settings={"name": "Search"}, at=timezone.now())

    assert ApiKey.objects.get(pk=key.pk).name == "Checkout"
    assert not WebhookMessage.objects.filter(event_type="api_key.updated").exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_of_different_settings_all_hold(key):
    changes: list[KeyChanges] = [
        {"name": "Search"},
        {"description": "For the shop"},
        {"external_id": "c-1"},
        {"expires_at": timezone.now() + timedelta(days=1)},
    ]

    race.together(
        4, lambda number: keys.update_key(key=key, settings=changes[number], at=timezone.now())
    )

    key.refresh_from_db()
    assert (key.name, key.description, key.external_id) == ("Search", "For the shop", "c-1")
    assert key.expires_at == changes[3]["expires_at"]
