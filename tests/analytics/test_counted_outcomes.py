"""Calls whose outcome their rule does not count cost nothing, in the log, in every sum, in quotas and in credits."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from analytics.metering.tallies import Report
from analytics.models import ApiUsageLog, HourlyUsage
from analytics.services import ingest, outcomes
from apikeys.gateway import blocking, records
from apikeys.gateway.plans import plan_of
from apikeys.gateway.routes import NO_API
from apikeys.models import KeyUsage, ReturnedUnits
from apikeys.services import apis, returns
from apikeys.services.apis import ApiSettings
from config.common import redis
from organizations.services import limits
from tests.analytics.pen import ROLLUPS, event, new_key, request_id, snapshot, write
from tests.factories.apikeys import ApiFactory
from tests.race import at_once

pytestmark = pytest.mark.django_db
MICRO = 1_000_000


@pytest.fixture
def rule():
    """A rule with which successes count, and a 404."""
    return apis.create_rule(
        api=ApiFactory.create(),
        settings={"path_pattern": "/things", "counted_statuses": ["2xx", "404"]},
        by=None,
    )


@pytest.fixture
def key(organization):
    """A key with a quota, in an organization with one, that pays by credits."""
    limits.override_limits(
        organization=organization,
        limits={
            "rate_limit": None,
            "rate_per_seconds": None,
            "rate_burst": None,
            "quota_limit": 1000,
        },
    )
    return new_key(
        organization,
        quota_limit=100,
        quota_period="month",
        credits_micro=50 * MICRO,
        credits_refill="monthly",
    )


@pytest.fixture
def called(key, rule):
    """Make calls of five units that ended with these statuses, and have them counted as the gate does."""

    def called(*statuses: int, **changes) -> list[Report]:
        now_ms = int(timezone.now().timestamp() * 1000)
        reports = [Report(request_id(), now_ms, status, 7, 1, 2) for status in statuses]
        fields = {"api_id": rule.api_id, "rule_id": rule.pk, "units": 5, **changes}
        write(*(event(key, request_id=each.request_id, **fields) for each in reports))
        ingest.drain()
        return reports

    return called


@pytest.fixture
def counters(key) -> Callable[[], dict[str, int]]:
    """Set Redis's counters of the present periods; return what reads them, by their kind."""
    at = timezone.now()
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    names = {
        "key": f"q:k:{key.pk}:{int(month.timestamp())}",
        "credits": f"c:{key.pk}:{int(month.timestamp())}",
    }
    for name, used in zip(names.values(), (60, 45 * MICRO), strict=True):
        redis.client().set(redis.key(name), used, ex=3600)

    def read() -> dict[str, int]:
        found = redis.client().mget([redis.key(name) for name in names.values()])
        return {name: int(used or 0) for name, used in zip(names, found, strict=True)}

    return read


def apply(*reports: Report) -> None:
    with transaction.atomic():
        ingest.wait_for_checkpoint()
        outcomes.apply_reports(reports)


@pytest.mark.parametrize("is_described", [True, False])
def test_the_default_rule_of_an_api_says_it_too(called, rule, is_described):
    at = timezone.now()
    settings: ApiSettings = {"default_counted_statuses": ["4XX", "200"]}
    apis.update_api(api=rule.api, settings=settings, by=None, at=at)

    apply(*called(200, 404, 503, rule_id=rule.pk if is_described else 0))

    units = dict(ApiUsageLog.objects.values_list("status", "units"))
    # With the rule a 404 counts as well, and no 4xx besides.
    assert units == {200: 5, 404: 5, 503: 0}
    apply(*called(410, rule_id=rule.pk if is_described else 0))
    assert ApiUsageLog.objects.get(status=410).units == (0 if is_described else 5)


def test_what_does_not_count_costs_nothing_anywhere(called, counters, key):
    reports = called(200, 404, 503, 301)

    apply(*reports)
    returns.settle()

    units = dict(ApiUsageLog.objects.values_list("status", "units"))
    assert units == {200: 5, 404: 5, 503: 0, 301: 0}
    for table in ROLLUPS:
        (row,) = table.objects.all()
        assert (row.calls, row.allowed, row.reported, row.units) == (4, 4, 4, 10)
    usage = KeyUsage.objects.get()
    assert (usage.calls, usage.units) == (4, 10)
    assert counters() == {"key": 50, "credits": 35 * MICRO}
    assert not ReturnedUnits.objects.exists()


def test_rebuilding_finds_nothing_to_correct(called):
    apply(*called(200, 503))
    before = snapshot()

    call_command("rebuild_rollups")

    assert snapshot() == before


def test_a_report_by_a_clock_that_lags_frees_the_call_in_the_log_too(called):
    reports = called(200, 503)
    reports[1].at_ms -= 1_800_000
    apply(*reports)

    assert dict(ApiUsageLog.objects.values_list("status", "units")) == {200: 5, 503: 0}


def test_the_organizations_quota_has_it_too(called, key):
    (report,) = called(500)
    apply(report)

    (owed,) = ReturnedUnits.objects.values_list("counters", flat=True)

    assert sorted((re.sub(r"\d+$", "", name), amount) for name, amount in owed.items()) == [
        (f"c:{key.pk}:", 5 * MICRO),
        (f"q:k:{key.pk}:", 5),
        (f"q:o:{key.organization_id}:", 5),
    ]


def test_a_counter_keeps_its_end_and_goes_below_nothing(called, counters, key):
    apply(*called(*[500] * 13))
    returns.settle()

    assert counters() == {"key": 0, "credits": 0}
    for name in redis.client().scan_iter(redis.key("[qc]:*")):
        assert 3500 < redis.client().ttl(name) <= 3600


def test_a_counter_that_is_not_there_is_not_made(called, key):
    apply(*called(500))
    returns.settle()

    assert not list(redis.client().scan_iter(redis.key("[qc]:*")))


@pytest.mark.parametrize(
    "changes",
    [{"rule_id": 0}, {"outcome": "RATE_LIMITED"}, {"units": 0}],
    ids=["no rule", "refused", "free"],
)
def test_nothing_is_given_back_where_nothing_was_taken_for_it(called, counters, changes):
    reports = called(503, **changes)
    before = list(ApiUsageLog.objects.values_list("units", flat=True))

    apply(*reports)

    assert list(ApiUsageLog.objects.values_list("units", flat=True)) == before
    assert not ReturnedUnits.objects.exists()


def test_a_rule_that_names_no_outcome_counts_all(called, rule):
    apis.update_rule(rule=rule, settings={"counted_statuses": []}, by=None)

    apply(*called(503))

    assert ApiUsageLog.objects.get().units == 5
    assert not ReturnedUnits.objects.exists()


def test_a_call_of_which_nothing_is_reported_counts(called):
    called(503)

    assert ApiUsageLog.objects.get().units == 5
    assert HourlyUsage.objects.get().units == 5


def test_an_outcome_that_is_reported_again_gives_nothing_again(called, counters):
    (report,) = called(503)
    apply(report)
    apply(report)
    returns.settle()

    assert KeyUsage.objects.get().units == 0
    assert counters() == {"key": 55, "credits": 40 * MICRO}


def test_credits_that_were_given_later_get_nothing_back(called, key):
    key.credits_refill, key.credits_since = "none", timezone.now() + timedelta(minutes=1)
    key.save()
    apply(*called(503))

    (owed,) = ReturnedUnits.objects.values_list("counters", flat=True)

    assert not [name for name in owed if name.startswith("c:")]


def test_a_redis_that_comes_back_empty_has_it_given_back_once(called, key):
    # The hour in which a period begins counts for the one before it.
    key.organization.subscriptions.update(anchor_at=timezone.now() - timedelta(days=2))
    apply(*called(200, 503, 503))

    plan = plan_of(_record(key), NO_API, 1, timezone.now().timestamp(), redis.key(""))
    assert blocking.count(plan, b"").granted
    returns.settle()

    assert [int(redis.client().get(counter.key) or 0) for counter in plan.counters] == [
        6,
        6,
        6 * MICRO,
    ]


def _record(key):
    with connection.cursor() as cursor:
        cursor.execute(records.OF_KEYS_SQL, [[key.pk]])
        ((_, document, version),) = cursor.fetchall()
    return records.read_record(document, version)


def test_where_nothing_limits_a_key_nothing_is_owed(called, key):
    limits.override_limits(
        organization=key.organization,
        limits={
            "rate_limit": None,
            "rate_per_seconds": None,
            "rate_burst": None,
            "quota_limit": None,
        },
    )
    key.organization.subscriptions.all().delete()
    key.quota_limit = key.credits_micro = None
    key.quota_period, key.credits_refill = "", "none"
    key.save()

    apply(*called(503))

    assert KeyUsage.objects.get().units == 0
    assert not ReturnedUnits.objects.exists()


def test_a_number_that_is_given_again_is_no_repetition(called, counters):
    apply(*called(503))
    (first,) = ReturnedUnits.objects.values("pk", "counters")
    returns.settle()
    ReturnedUnits.objects.create(**first)

    assert returns.settle() == 1
    assert counters() == {"key": 50, "credits": 35 * MICRO}


def test_whoever_dies_after_redis_was_told_has_it_told_once(called, counters):
    apply(*called(503))

    class Killed(Exception):
        pass

    def killed() -> None:
        with transaction.atomic():
            assert returns.settle() == 1
            raise Killed

    with pytest.raises(Killed):
        killed()

    assert ReturnedUnits.objects.count() == 1
    assert returns.settle() == 1
    assert counters() == {"key": 55, "credits": 40 * MICRO}


def test_while_redis_is_away_it_stays_owed(called, counters, settings):
    apply(*called(503))
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"

    assert returns.settle() == 0

    settings.REDIS_URL = there
    assert ReturnedUnits.objects.count() == 1
    assert returns.settle() == 1
    assert counters() == {"key": 55, "credits": 40 * MICRO}


def test_redis_is_told_as_soon_as_it_is_committed(
    called, counters, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        apply(*called(503))

    assert counters() == {"key": 55, "credits": 40 * MICRO}
    assert not ReturnedUnits.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_settle_at_once_lower_it_once(key, counters):
    for _ in range(5):
        ReturnedUnits.objects.create(
            counters={
                name.decode().removeprefix(redis.key("")): 1
                for name in redis.client().scan_iter(redis.key(f"q:k:{key.pk}:*"))
            }
        )

    settled = at_once(*[returns.settle] * 4)

    assert sum(settled) == 5
    assert counters()["key"] == 55
