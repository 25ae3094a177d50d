"""A quota that begins to hold again, or in another period, knows what was used while nobody counted for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import KeyUsage
from apikeys.services import keys
from apikeys.services.counters import records_of
from apikeys.services.key_checks import KeyChanges
from billing.models import Plan
from billing.services import subscriptions
from config.common import redis
from organizations.services import limits

pytestmark = pytest.mark.django_db
LIMITS: limits.Limits = {
    "rate_limit": None,
    "rate_per_seconds": None,
    "rate_burst": None,
    "quota_limit": 100,
}


@pytest.fixture
def used(key):
    """Let the key have used thirty units in this hour, and its organization's period have begun before."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    KeyUsage.objects.create(api_key=key, organization=key.organization, hour=hour, units=30)
    key.organization.subscriptions.update(anchor_at=hour - timedelta(days=2))


@pytest.fixture
def counter():
    """Set a counter of the running period as it stood when it was last counted in; return what reads it."""

    def counter(stem: str, start, says: int):
        name = redis.key(f"{stem}:{int(start.timestamp())}")
        redis.client().set(name, says, ex=1000)

        def read() -> int:
            assert 900 < redis.client().ttl(name) <= 1000
            return int(redis.client().get(name) or 0)

        return read

    return counter


def _month():
    return timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(("said", "says"), [(5, 30), (31, 31)])
def test_a_keys_quota(key, used, counter, said, says, django_capture_on_commit_callbacks):
    read = counter(f"q:k:{key.pk}", _month(), said)

    with django_capture_on_commit_callbacks(execute=True):
        settings: KeyChanges = {"quota_limit": 100, "quota_period": "month"}
        keys.update_key(key=key, settings=settings, at=timezone.now())

    assert read() == says


def test_credits_that_are_filled_up(key, used, counter, django_capture_on_commit_callbacks):
    read = counter(f"c:{key.pk}", _month(), 5_000_000)

    with django_capture_on_commit_callbacks(execute=True):
        settings: KeyChanges = {"credits_micro": 100_000_000, "credits_refill": "monthly"}
        keys.update_key(key=key, settings=settings, at=timezone.now())

    assert read() == 30_000_000


@pytest.mark.parametrize("change", ["limits", "plan"])
def test_an_organizations_quota(key, used, counter, change, django_capture_on_commit_callbacks):
    organization = key.organization
    start = organization.subscriptions.get().anchor_at
    read = counter(f"q:o:{organization.pk}", start, 5)
    Plan.objects.filter(code="PRO").update(quota_limit=100)

    with django_capture_on_commit_callbacks(execute=True):
        if change == "limits":
            limits.override_limits(organization=organization, limits=LIMITS)
        else:
            subscriptions.change_plan(organization=organization, plan_code="PRO")

    assert read() == 30


def test_without_redis_the_change_holds_all_the_same(
    key, used, settings, django_capture_on_commit_callbacks
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with django_capture_on_commit_callbacks(execute=True):
        changed: KeyChanges = {"quota_limit": 100, "quota_period": "month"}
        keys.update_key(key=key, settings=changed, at=timezone.now())

    assert records_of([key.pk])[key.pk].quotas[0].limit == 100
