"""Ending a key for good."""

import pytest
from django.utils import timezone

from apikeys.models import ApiKey, Secret
from apikeys.services import keys
from audit.models import AuditLog
from tests import race
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


def path(key):
    """Return where the key is."""
    return f"/api/v1/api-keys/{key.pk}"


def test_ends_the_key(api_as, mia, key):
    answer = api_as(mia).delete(path(key))

    assert (answer.status_code, answer.content) == (204, b"")
    shown = api_as(mia).get(path(key)).json()
    assert shown["status"] == "revoked"
    assert shown["revoked_at"] is not None


def test_raises_the_version_that_gates_compare(api_as, olivia, key):
    version = ApiKey.objects.get(pk=key.pk).version

    api_as(olivia).delete(path(key))

    assert ApiKey.objects.get(pk=key.pk).version == version + 1


def test_again_changes_nothing(api_as, olivia, key):
    api_as(olivia).delete(path(key))
    before = ApiKey.objects.filter(pk=key.pk).values().get()

    answer = api_as(olivia).delete(path(key))

    assert answer.status_code == 204
    assert ApiKey.objects.filter(pk=key.pk).values().get() == before
    assert AuditLog.objects.filter(event="api_key.revoked").count() == 1


def test_keeps_the_digest_so_that_the_key_is_known_as_revoked(api_as, olivia, key):
    api_as(olivia).delete(path(key))

    assert Secret.objects.get().api_key_id == key.pk


def test_refuses_viewers(api_as, vera, key):
    answer = api_as(vera).delete(path(key))

    assert answer.status_code == 403
    assert ApiKey.objects.get(pk=key.pk).status == "active"


def test_is_audited_and_owed_as_a_webhook(api_as, olivia, key, organization):
    api_as(olivia).delete(path(key))

    entry = AuditLog.objects.get(event="api_key.revoked")
    assert (entry.actor_id, entry.organization_id, entry.target_id) == (
        olivia.pk,
        organization.pk,
        key.pk,
    )
    assert WebhookMessage.objects.filter(event_type="api_key.revoked").count() == 1


def test_leaves_no_trace_when_the_audit_log_cannot_be_written(key, break_audit_log):
    break_audit_log()

    with pytest.raises(RuntimeError):
        keys.revoke_key(key=key, at=timezone.now())

    assert ApiKey.objects.get(pk=key.pk).status == "active"
    assert not WebhookMessage.objects.filter(event_type="api_key.revoked").exists()


@pytest.mark.django_db(transaction=True)
def test_a_race_is_told_once(key):
    race.together(8, lambda _: keys.revoke_key(key=key, at=timezone.now()))

    assert AuditLog.objects.filter(event="api_key.revoked").count() == 1
    assert WebhookMessage.objects.filter(event_type="api_key.revoked").count() == 1
