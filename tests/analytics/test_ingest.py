"""Draining the stream: each event once, in the log and in every sum."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from analytics.metering import stream
from analytics.metering.reader import Reader, Span
from analytics.models import (
    ApiUsageLog,
    DailyRouteUsage,
    DailyUsage,
    HourlyKeyUsage,
    HourlyUsage,
    IngestCheckpoint,
)
from analytics.services import calls, ingest
from apikeys.models import KeyActivity, KeyUsage
from tests.analytics.pen import (
    ROLLUPS,
    event,
    new_key,
    request_id,
    restore,
    snapshot,
    waiting,
    write,
)

pytestmark = pytest.mark.django_db


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test_a_call_is_logged_whole(key, emit):
    at = datetime.now(UTC).replace(microsecond=123_000)
    emit(
        {
            "request_id": "abcdef0123456789",
            "method": "POST",
            "path": "/v1/orders/42\\x\ty",
            "units": 3,
            "address": "2001:db8::7",
            "user_agent": 'we "are" \\N ☂\n',
            "tags": {"plan": "☂\\", "n": [1]},
            "environment": "test",
            "api_id": 5,
            "at_ms": milliseconds(at),
        }
    )

    assert ingest.drain() == ingest.Outcome(read=1, counted=1, rejected=0)

    call = ApiUsageLog.objects.values().get()
    assert call == {
        "request_id": "abcdef0123456789",
        "at": at,
        "organization_id": key.organization_id,
        "api_key_id": key.pk,
        "api_id": 5,
        "rule_id": 0,
        "environment": "test",
        "method": "POST",
        "path": "/v1/orders/42\\x\ty",
        "route": "POST /v1/orders/42\\x\ty",
        "outcome": "VALID",
        "units": 3,
        "address": "2001:db8::7",
        "user_agent": 'we "are" \\N ☂\n',
        "tags": {"plan": "☂\\", "n": [1]},
        "status": None,
        "latency_ms": None,
        "bytes_in": None,
        "bytes_out": None,
    }
    assert waiting() == 0


def test_every_sum_counts_by_outcome(key, emit):
    emit(
        {"units": 5},
        {"units": 2},
        {"outcome": "RATE_LIMITED", "units": 9},
        {"outcome": "QUOTA_EXCEEDED"},
        {"outcome": "INSUFFICIENT_CREDITS"},
        {"outcome": "EXPIRED"},
        {"outcome": "FORBIDDEN_IP"},
    )

    ingest.drain()

    for table in ROLLUPS:
        (row,) = table.objects.all()
        assert (row.calls, row.allowed, row.rate_limited, row.quota_exceeded) == (7, 2, 1, 1)
        assert (row.insufficient_credits, row.denied, row.units) == (1, 2, 7)
        assert row.organization_id == key.organization_id


def test_sums_are_kept_by_hour_day_key_and_route(organization, key):
    other = new_key(organization)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
    later, next_day = noon + timedelta(hours=1), noon + timedelta(days=1)
    write(
        event(key, at_ms=milliseconds(noon)),
        event(
            key, at_ms=milliseconds(noon + timedelta(minutes=59, seconds=59)), path="/v1/things/8"
        ),
        event(key, at_ms=milliseconds(later), method="POST"),
        event(other, at_ms=milliseconds(later)),
        event(other, at_ms=milliseconds(next_day)),
    )

    ingest.drain()

    hours = HourlyUsage.objects.order_by("hour").values_list("hour", "calls")
    assert list(hours) == [(noon, 2), (later, 2), (next_day, 1)]
    of_keys = HourlyKeyUsage.objects.order_by("hour", "api_key").values_list(
        "api_key", "hour", "calls"
    )
    assert list(of_keys) == [
        (key.pk, noon, 2),
        (key.pk, later, 1),
        (other.pk, later, 1),
        (other.pk, next_day, 1),
    ]
    days = DailyUsage.objects.order_by("day").values_list("day", "calls")
    assert list(days) == [(noon.date(), 4), (next_day.date(), 1)]
    routes = DailyRouteUsage.objects.order_by("day", "route").values_list("day", "route", "calls")
    assert list(routes) == [
        (noon.date(), "GET /v1/things/{id}", 3),
        (noon.date(), "POST /v1/things/{id}", 1),
        (next_day.date(), "GET /v1/things/{id}", 1),
    ]


def test_units_of_calls_that_passed_reach_the_keys_quota(key, emit):
    emit({"units": 4}, {"units": 6}, {"outcome": "QUOTA_EXCEEDED", "units": 99})
    ingest.drain()
    emit({"units": 1})
    ingest.drain()

    usage = KeyUsage.objects.get()
    assert (usage.api_key_id, usage.organization_id) == (key.pk, key.organization_id)
    assert (usage.calls, usage.units) == (3, 11)


def test_key_activity_knows_first_and_last_use(key, emit):
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now - timedelta(minutes=minutes) for minutes in (5, 9, 1)]
    emit(*({"at_ms": milliseconds(at), "user_agent": f"agent {at}"} for at in times))
    ingest.drain()
    emit({"at_ms": milliseconds(now - timedelta(minutes=20)), "address": "198.51.100.1"})
    ingest.drain()

    activity = KeyActivity.objects.get()
    assert activity.first_used_at == now - timedelta(minutes=20)
    assert activity.last_used_at == now - timedelta(minutes=1)
    assert activity.last_user_agent == f"agent {times[2]}"
    assert activity.last_ip == "192.0.2.7"


def test_a_call_of_a_deleted_key_is_logged_all_the_same(key, emit):
    emit()
    key.delete()

    assert ingest.drain().counted == 1
    assert ApiUsageLog.objects.count() == 1
    assert not KeyUsage.objects.exists()


def test_the_stream_id_tells_the_time_where_the_event_does_not(key):
    at_ms = int(time.time() * 1000) - 60_000
    write(event(key), stream_ids=[f"{at_ms}-3"])

    ingest.drain()

    assert milliseconds(ApiUsageLog.objects.get().at) == at_ms


def test_a_repeated_request_id_counts_once(key, emit):
    repeated = {"request_id": request_id(), "at_ms": int(time.time() * 1000)}
    emit(repeated, repeated, {})

    assert ingest.drain() == ingest.Outcome(read=3, counted=2, rejected=0)

    emit(repeated, {})
    assert ingest.drain() == ingest.Outcome(read=2, counted=1, rejected=0)
    assert ApiUsageLog.objects.count() == 3
    assert DailyUsage.objects.get().calls == 3
    assert KeyUsage.objects.get().calls == 3


@pytest.mark.parametrize("gap", [1, -1])
def test_a_call_that_is_written_on_both_sides_of_midnight_counts_once(emit, gap):
    """As when Redis counted it and did not say so in time: the gate writes it again, by its own clock."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    name = request_id()
    emit({"request_id": name, "at_ms": milliseconds(midnight) - gap})
    ingest.drain()

    emit({"request_id": name, "at_ms": milliseconds(midnight) + 250 * gap}, {})

    assert ingest.drain() == ingest.Outcome(read=2, counted=1, rejected=0)
    assert KeyUsage.objects.aggregate(Sum("units")) == {"units__sum": 2}


def test_entries_read_again_change_nothing(key, emit):
    """A process that dies between commit and removal leaves its entries; so does a Valkey restored from a backup."""
    ids = emit({}, {}, {})
    entries = stream.oldest(10)
    ingest.drain()
    before = snapshot()
    restore(entries)
    emit({})

    assert ingest.drain() == ingest.Outcome(read=4, counted=1, rejected=0)

    assert waiting() == 0
    assert ApiUsageLog.objects.count() == len(before["ApiUsageLog"]) + 1
    assert DailyUsage.objects.get().calls == 4
    assert KeyUsage.objects.get().calls == 4
    assert stream.position(IngestCheckpoint.objects.get().last_id) > stream.position(
        ids[-1].decode()
    )


def test_a_stream_begun_anew_by_an_earlier_clock_is_read(key, emit):
    emit({}, {})
    ingest.drain()
    reached = IngestCheckpoint.objects.get().last_id
    earlier = int(time.time() * 1000) - 3_600_000
    # A new, empty Valkey whose clock lags an hour behind the old one's.
    restore([])
    write(event(key), event(key), stream_ids=[f"{earlier}-0", f"{earlier}-1"])

    assert ingest.drain().counted == 2

    assert waiting() == 0
    assert sum(HourlyUsage.objects.values_list("calls", flat=True)) == 4
    assert IngestCheckpoint.objects.get().last_id == reached


def test_more_routes_than_a_day_may_have_are_counted_together(monkeypatch, key):
    monkeypatch.setattr(calls, "MAX_ROUTES", 3)
    monkeypatch.setattr(calls, "_seen", set())
    write(*(event(key, path=f"/{name}") for name in ("a", "b")))
    ingest.drain()
    write(*(event(key, path=f"/{name}") for name in ("a", "c", "d", "e", "f")))
    ingest.drain()

    routes = DailyRouteUsage.objects.order_by("route").values_list("route", "calls")
    assert list(routes) == [("(other)", 3), ("GET /a", 2), ("GET /b", 1), ("GET /c", 1)]
    assert ApiUsageLog.objects.filter(route="(other)").count() == 3


def test_organizations_do_not_mix(key, foreign_organization):
    other = new_key(foreign_organization)
    write(event(key), event(other), event(other))

    ingest.drain()

    counted = HourlyUsage.objects.order_by("organization").values_list("organization", "calls")
    assert list(counted) == [(key.organization_id, 1), (other.organization_id, 2)]


def test_what_was_read_ahead_is_dropped_when_the_checkpoint_has_moved(emit):
    emit(*({} for _ in range(6)))
    with Reader(lambda: Span(0, float("inf")), size=2) as reader:
        ingest.ingest_batch(reader)
        assert ingest.drain().counted == 4
        emit({})

        assert ingest.ingest_batch(reader) == ingest.Outcome(read=1, counted=1, rejected=0)

    assert DailyUsage.objects.get().calls == 7


def test_a_stream_begun_anew_loses_nothing_when_the_old_entries_are_removed(emit, key):
    """Valkey restarts empty, with a clock that lags, between the commit and the removal."""
    first, last = (entry_id.decode() for entry_id in emit({}, {}))
    restore([])
    earlier = int(last.partition("-")[0]) - 60_000
    write(event(key), stream_ids=[f"{earlier}-0"])

    stream.forget(first, last)

    assert waiting() == 1


def test_a_key_under_two_organizations_is_counted_without_halt(key, foreign_organization):
    write(event(key, units=2), event(key, units=3, organization_id=foreign_organization.pk))

    assert ingest.drain().counted == 2

    assert (KeyUsage.objects.get().calls, KeyUsage.objects.get().units) == (2, 5)


def test_batches_follow_one_another_until_the_stream_is_empty(emit):
    emit(*({} for _ in range(25)))

    assert ingest.drain(batch_size=10) == ingest.Outcome(read=25, counted=25, rejected=0)

    assert DailyUsage.objects.get().calls == 25


@pytest.mark.django_db(transaction=True)
def test_a_second_process_leaves_the_first_alone(emit):
    emit()
    rival = connection.copy()
    with transaction.atomic():
        ingest.wait_for_checkpoint()
        try:
            with rival.cursor() as cursor:
                cursor.execute("SELECT 1 FROM analytics_ingestcheckpoint FOR UPDATE SKIP LOCKED")
                found = cursor.fetchall()
        finally:
            rival.close()

    assert found == []
    assert ingest.drain().read == 1


def test_the_number_of_queries_does_not_grow_with_the_batch(emit):
    counts = []
    for size in (1, 1, 1, 50):
        emit(*({"path": f"/v1/things/{n}"} for n in range(size)))
        with CaptureQueriesContext(connection) as queries:
            ingest.drain()
        counts.append(len(queries))

    assert counts[2] == counts[3] <= 20
