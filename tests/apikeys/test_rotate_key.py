"""Giving a key a new secret."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys import tasks
from apikeys.models import ApiKey, Secret
from apikeys.services import keys
from audit.models import AuditLog
from tests import race
from tests.factories.apikeys import ApiKeyFactory
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


def rotate(api, key, **body):
    """Rotate over HTTP."""
    return api.post(f"/api/v1/api-keys/{key.pk}/rotate", body)


def test_returns_the_new_secret_once(api_as, mia, key, works):
    answer = rotate(api_as(mia), key, overlap_seconds=3600)

    body = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert body["key"] != key.secret
    assert (body["id"], body["prefix"], body["last4"]) == (
        key.pk,
        body["key"][:12],
        body["key"][-4:],
    )
    assert works(body["key"])


def test_the_old_secret_works_for_the_overlap(api_as, olivia, key, works, clock):
    rotate(api_as(olivia), key, overlap_seconds=60)

    assert works(key.secret)
    clock.shift(61)
    assert not works(key.secret)


@pytest.mark.parametrize("body", [{}, {"overlap_seconds": 0}])
def test_without_overlap_the_old_secret_stops_at_once(api_as, olivia, key, works, body):
    new = rotate(api_as(olivia), key, **body).json()["key"]

    assert not works(key.secret)
    assert works(new)


def test_an_old_secret_never_outlives_the_key(api_as, olivia, organization, clock):
    ends_at = timezone.now() + timedelta(hours=1)
    key = ApiKeyFactory.create(organization=organization, expires_at=ends_at)

    rotate(api_as(olivia), key, overlap_seconds=86_400)

    assert key.secrets.get(expires_at__isnull=False).expires_at == ends_at


def test_a_second_rotation_shortens_every_older_secret(api_as, olivia, key, works):
    second = rotate(api_as(olivia), key, overlap_seconds=86_400).json()["key"]

    third = rotate(api_as(olivia), key, overlap_seconds=0).json()["key"]

    assert [works(key.secret), works(second), works(third)] == [False, False, True]


def test_a_second_rotation_prolongs_no_older_secret(api_as, olivia, key, clock):
    rotate(api_as(olivia), key, overlap_seconds=60)
    first_end = key.secrets.get(last4=key.last4).expires_at

    rotate(api_as(olivia), key, overlap_seconds=86_400)

    assert key.secrets.get(last4=key.last4).expires_at == first_end


def test_raises_the_version_that_gates_compare(api_as, olivia, key):
    version = ApiKey.objects.get(pk=key.pk).version

    rotate(api_as(olivia), key)

    assert ApiKey.objects.get(pk=key.pk).version > version


@pytest.mark.parametrize("overlap", [-1, 2_592_001, "soon", None, 1.5])
def test_refuses_other_overlaps(api_as, olivia, key, works, overlap):
    answer = rotate(api_as(olivia), key, overlap_seconds=overlap)

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["#/overlap_seconds"]
    assert works(key.secret)
    assert Secret.objects.count() == 1


def test_the_longest_overlap_is_thirty_days(api_as, olivia, key):
    assert rotate(api_as(olivia), key, overlap_seconds=2_592_000).status_code == 200


def test_refuses_viewers(api_as, vera, key, works):
    answer = rotate(api_as(vera), key)

    assert answer.status_code == 403
    assert works(key.secret)


def test_a_revoked_key_gets_no_secret(api_as, olivia, key):
    keys.revoke_key(key=key, at=timezone.now())

    answer = rotate(api_as(olivia), key)

    assert (answer.status_code, answer.json()["code"]) == (409, "api_key_revoked")
    assert Secret.objects.count() == 1


def test_an_expired_key_gets_no_secret_that_works_for_nothing(api_as, olivia, key):
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())

    answer = rotate(api_as(olivia), key)

    assert (answer.status_code, answer.json()["code"]) == (409, "api_key_expired")
    assert Secret.objects.count() == 1
    assert not AuditLog.objects.filter(event="api_key.rotated").exists()


def test_is_audited_and_owed_as_a_webhook(api_as, olivia, key, organization):
    rotate(api_as(olivia), key, overlap_seconds=60)

    entry = AuditLog.objects.get(event="api_key.rotated")
    assert (entry.actor_id, entry.target_id) == (olivia.pk, key.pk)
    message = WebhookMessage.objects.get(event_type="api_key.rotated")
    assert message.payload["data"] == {
        "organization_id": organization.pk,
        "api_key_id": key.pk,
        "key_name": "Checkout",
        "overlap_seconds": 60,
    }


def test_leaves_no_trace_when_the_audit_log_cannot_be_written(key, works, break_audit_log):
    break_audit_log()

    with pytest.raises(RuntimeError):
        keys.rotate_key(key=key, overlap_seconds=0, at=timezone.now())

    assert works(key.secret)
    assert Secret.objects.count() == 1
    assert not WebhookMessage.objects.filter(event_type="api_key.rotated").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("overlap", [0, 3600])
def test_concurrent_rotations_come_one_after_the_other(key, works, overlap):
    results = race.together(
        8, lambda _: keys.rotate_key(key=key, overlap_seconds=overlap, at=timezone.now())[1]
    )

    working = [secret for secret in results if works(secret)]
    assert len(set(results)) == 8
    assert len(working) == (1 if overlap == 0 else 8)
    current = Secret.objects.get(expires_at=None)
    shown = ApiKey.objects.get(pk=key.pk)
    assert (shown.prefix, shown.last4) == (current.prefix, current.last4)


@pytest.mark.django_db(transaction=True)
def test_a_race_with_revoking_leaves_no_way_in(key):
    def act(number):
        if number == 0:
            return keys.revoke_key(key=key, at=timezone.now())
        return keys.rotate_key(key=key, overlap_seconds=0, at=timezone.now())

    results = race.together(6, act)

    key.refresh_from_db()
    assert key.status == "revoked"
    assert all(isinstance(result, (ApiKey, tuple, keys.KeyIsRevoked)) for result in results)


def test_digests_are_pruned_thirty_days_after_their_end(key, clock):
    keys.rotate_key(key=key, overlap_seconds=0, at=timezone.now())
    clock.shift(timedelta(days=30))
    tasks.prune_secrets()
    assert key.secrets.count() == 2
    clock.shift(1)

    tasks.prune_secrets()

    assert key.secrets.get().expires_at is None
