"""Telling gate processes what changed."""

import json

import pytest
from django.conf import settings as configured
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import suspension as users
from apikeys.models import ApiKey
from apikeys.services import apis, keys, service_keys
from billing.services import subscriptions
from organizations.services import limits, suspension
from tests.factories.apikeys import ApiFactory, ApiKeyFactory, ServiceKeyFactory
from tests.patience import at_most

pytestmark = pytest.mark.django_db


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Do what waits for the commit, as if each block were a transaction of its own."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def heard(redis_client):
    """Listen as a gate process does; return what was announced since the last call."""
    channel = redis_client.pubsub()
    channel.subscribe(f"{configured.REDIS_PREFIX}invalidate")
    assert channel.get_message(timeout=60)["type"] == "subscribe"

    def heard():
        # Messages come in the order in which they were sent: behind this one there is none of before.
        redis_client.publish(f"{configured.REDIS_PREFIX}invalidate", b"null")
        messages = []
        while (message := json.loads(channel.get_message(timeout=60)["data"])) is not None:
            messages.append(message)
        return messages

    yield heard
    channel.close()


def test_every_change_of_a_key_is_announced(heard, key, commit):
    at = timezone.now()

    with commit():
        keys.update_key(key=key, settings={"name": "Search"}, at=at)
        keys.rotate_key(key=key, overlap_seconds=60, at=at)
        keys.revoke_key(key=key, at=at)

    assert heard() == [{"keys": [key.pk]}] * 3


def test_a_change_that_is_none_is_not_announced(heard, key, commit):
    with commit():
        keys.update_key(key=key, settings={"name": key.name}, at=timezone.now())

    assert heard() == []


def test_what_is_rolled_back_is_not_announced(heard, key, commit):
    with commit(), transaction.atomic():
        keys.revoke_key(key=key, at=timezone.now())
        transaction.set_rollback(True)

    assert heard() == []
    assert ApiKey.objects.get(pk=key.pk).status == "active"


def test_every_change_of_a_service_key_is_announced(heard, commit):
    key, at = ServiceKeyFactory.create(), timezone.now()

    with commit():
        service_keys.rotate_service_key(key=key, overlap_seconds=0, by=None, at=at)
        service_keys.revoke_service_key(key=key, by=None, at=at)

    assert heard() == [{"service_keys": [key.pk]}] * 2


def test_every_change_of_an_api_is_announced(heard, commit):
    with commit():
        api = ApiFactory.create()
        rule = apis.create_rule(api=api, settings={"path_pattern": "/orders"}, by=None)
        apis.delete_rule(rule=rule, by=None)

    assert heard() == [{"apis": True}] * 3


def test_suspending_a_person_concerns_the_keys_they_made(heard, organization, adam, olivia, commit):
    own = ApiKeyFactory.create(organization=organization, created_by=adam)
    ApiKeyFactory.create(organization=organization, created_by=olivia)
    revoked = ApiKeyFactory.create(organization=organization, created_by=adam)
    keys.revoke_key(key=revoked, at=timezone.now())

    with commit():
        users.suspend(user=adam, reason="abuse")
        users.reinstate(user=User.objects.get(pk=adam.pk))

    assert heard() == [{"keys": [own.pk]}] * 2


def test_state_limits_and_plan_of_an_organization_concern_all_its_keys(heard, organization, commit):
    with commit():
        suspension.suspend(organization=organization, reason="unpaid")
        suspension.reinstate(organization=organization)
        limits.override_limits(
            organization=organization,
            limits={"rate_limit": 9, "rate_per_seconds": 1, "rate_burst": 9, "quota_limit": None},
        )
        subscriptions.change_plan(organization=organization, plan_code="PRO")

    assert heard() == [{"organizations": [organization.pk]}] * 4


def test_without_redis_the_change_holds_all_the_same(key, settings, commit):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    version = ApiKey.objects.get(pk=key.pk).version

    with at_most(3), commit():
        keys.revoke_key(key=key, at=timezone.now())

    assert ApiKey.objects.get(pk=key.pk).version == version + 1
    assert ApiKey.objects.get(pk=key.pk).status == "revoked"
