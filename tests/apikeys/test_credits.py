"""What a key's credits pay for."""

from datetime import datetime, timedelta
from time import time
from typing import cast

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apikeys.gateway import blocking, records
from apikeys.gateway.plans import plan_of
from apikeys.gateway.routes import NO_API
from apikeys.models import ApiKey, KeyUsage, Secret
from apikeys.services import keys
from apikeys.services.key_checks import KeyChanges, KeySettings
from tests import race
from tests.factories.apikeys import ApiKeyFactory

MICRO = 1_000_000
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def call(key: ApiKey, units: int) -> tuple[int, int | None]:
    """Count one call as the gate does; return whether it passed and what is left in units."""
    secret, _ = Secret.objects.get_or_create(
        api_key=key, expires_at=None, defaults={"digest": b"%032d" % key.pk, "pepper_version": 1}
    )
    with connection.cursor() as cursor:
        cursor.execute(records.LOAD_SQL, [[bytes(secret.digest)]])
        (record,) = records.read_rows(cursor.fetchall()).values()
    count = blocking.count(plan_of(record, NO_API, units, time(), settings.REDIS_PREFIX), b"")
    assert count is not None
    left = None if count.credits_micro is None else count.credits_micro // MICRO
    return count.granted, left


@pytest.fixture
def key(organization) -> ApiKey:
    """A key that has been in use for long."""
    key = ApiKeyFactory.create(organization=organization)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    KeyUsage.objects.create(api_key=key, organization=organization, hour=hour, units=150)
    return key


def change(key, *, later=0, **columns):
    keys.update_key(
        key=key, settings=cast("KeyChanges", columns), at=timezone.now() + timedelta(seconds=later)
    )


def test_they_pay_for_no_call_that_was_made_before_they_were_given(key):
    change(key, credits_micro=10 * MICRO)

    assert call(key, 5) == (1, 5)


def test_a_larger_amount_adds_the_difference(key):
    change(key, credits_micro=10 * MICRO)
    call(key, 8)

    change(key, credits_micro=12 * MICRO)

    assert call(key, 5) == (0, 4)
    assert call(key, 4) == (1, 0)


def test_those_that_are_filled_up_pay_for_their_whole_period(key):
    change(key, credits_micro=10 * MICRO, credits_refill="monthly")
    assert call(key, 1) == (0, 0)

    change(key, credits_micro=10 * MICRO, credits_refill="none")

    assert call(key, 1) == (1, 9)


def test_those_that_are_given_anew_begin_anew(key):
    change(key, credits_micro=10 * MICRO)
    call(key, 9)
    change(key, credits_micro=None)
    assert call(key, 5) == (1, None)

    change(key, later=1, credits_micro=10 * MICRO)

    assert call(key, 5) == (1, 5)


def give_anew(key: ApiKey, at: datetime) -> datetime:
    keys.update_key(key=key, settings={"credits_micro": None}, at=at)
    given = keys.update_key(key=key, settings={"credits_micro": 10 * MICRO}, at=at)
    assert given.credits_since is not None
    return given.credits_since


@pytest.mark.parametrize("clock", [[0, 0], [0, -5, 0]], ids=["one second", "a clock that lags"])
def test_those_that_are_given_anew_at_once_begin_anew(key, clock):
    at = timezone.now().replace(microsecond=100_000)

    for seconds in clock:
        give_anew(key, at + timedelta(seconds=seconds, microseconds=7))
        assert call(key, 9) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_those_that_two_people_give_at_once_are_told_apart(key):
    at, given = timezone.now(), []

    given.append(race.behind(lambda: given.append(give_anew(key, at)), lambda: give_anew(key, at)))

    assert given == sorted(set(given))
    assert len({int(since.timestamp()) for since in given}) == 2


def test_other_changes_leave_them_alone(key):
    change(key, credits_micro=10 * MICRO)
    since = ApiKey.objects.get(pk=key.pk).credits_since

    change(key, name="Another name", credits_micro=11 * MICRO)

    assert since is not None
    assert ApiKey.objects.get(pk=key.pk).credits_since == since


def test_those_of_a_new_key_count_from_its_first_call(organization):
    settled: KeySettings = {"name": "New", "environment": "live", "credits_micro": 10 * MICRO}
    key, _ = keys.create_key(
        organization=organization, created_by=None, settings=settled, at=timezone.now()
    )
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    KeyUsage.objects.create(api_key=key, organization=organization, hour=hour, units=4)

    assert call(key, 5) == (1, 1)
