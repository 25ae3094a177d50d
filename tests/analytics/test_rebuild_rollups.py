"""`rebuild_rollups`: the log decides."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analytics.metering.tallies import Report
from analytics.models import ApiUsageLog, DailyRouteUsage, DailyUsage, HourlyKeyUsage, HourlyUsage
from analytics.services import ingest, outcomes, partitions
from tests.analytics.pen import snapshot

pytestmark = pytest.mark.django_db


def rebuild(*arguments: str) -> str:
    output = StringIO()
    call_command("rebuild_rollups", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def used(emit):
    now = datetime.now(UTC)
    emit(
        *(
            {
                "at_ms": int((now - timedelta(hours=hours)).timestamp() * 1000),
                "outcome": outcome,
                "request_id": f"request-{hours}-{outcome}",
                "path": f"/v1/{outcome.lower()}/{hours}",
                "units": hours + 1,
            }
            for hours in range(0, 40, 3)
            for outcome in (
                "VALID",
                "RATE_LIMITED",
                "EXPIRED",
                "QUOTA_EXCEEDED",
                "INSUFFICIENT_CREDITS",
            )
        )
    )
    ingest.drain()
    for number, call in enumerate(ApiUsageLog.objects.order_by("request_id")):
        at_ms = int(call.at.timestamp() * 1000)
        report = Report(call.request_id, at_ms, [200, 404, 503][number % 3], number * 7, number, 10)
        outcomes.apply_reports([report])


def test_changes_nothing_where_all_is_right(used):
    before = snapshot()

    output = rebuild("--from", (datetime.now(UTC) - timedelta(days=3)).date().isoformat())

    assert ": 0 rows corrected, 0 removed" in output
    assert all(
        "0 rows corrected, 0 removed" in line or "not in the log" in line
        for line in output.splitlines()
    )
    assert snapshot() == before


def test_puts_right_what_is_wrong(used, organization):
    before = snapshot()
    now = datetime.now(UTC)
    HourlyUsage.objects.update(calls=99, latency=[1])
    HourlyKeyUsage.objects.all().delete()
    DailyRouteUsage.objects.filter(route__contains="valid").update(units=0)
    DailyUsage.objects.create(organization_id=organization.pk + 1, day=now.date(), calls=5)
    HourlyUsage.objects.create(
        organization_id=organization.pk + 1,
        hour=now.replace(minute=0, second=0, microsecond=0),
        calls=5,
    )

    rebuild("--from", (now - timedelta(days=3)).date().isoformat())

    after = snapshot()
    for table, rows in before.items():
        without_id = [{k: v for k, v in row.items() if k != "id"} for row in rows]
        now_without_id = [{k: v for k, v in row.items() if k != "id"} for row in after[table]]
        assert sorted(map(str, now_without_id)) == sorted(map(str, without_id))


def test_leaves_days_alone_that_the_log_has_dropped(used):
    before = snapshot()
    today = datetime.now(UTC).date()
    partitions.drop_older_than(first_kept=today + timedelta(days=1))

    output = rebuild("--from", today.isoformat(), "--to", today.isoformat())

    assert output == f"{today}: not in the log, left as it is\n"
    assert snapshot() == before | {"ApiUsageLog": []}


def test_names_no_more_than_a_month_of_days_that_the_log_does_not_hold(used):
    lines = rebuild("--from", "0001-01-01", "--to", "0001-12-31").splitlines()

    assert len(lines) == 32
    assert lines[0] == "0001-12-01: not in the log, left as it is"
    assert lines[-1] == "334 days before these: the same"


def test_refuses_a_period_that_ends_before_it_begins():
    with pytest.raises(CommandError, match="after"):
        rebuild("--from", "2026-02-01", "--to", "2026-01-01")
