"""Partitions of the log: made ahead, made when missing, dropped when old."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from analytics import tasks
from analytics.models import ApiUsageLog, DailyUsage
from analytics.services import ingest, partitions
from tests.analytics.pen import event, write
from tests.race import at_once

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 2)


def test_are_made_ahead_once():
    made = partitions.create_ahead(today=TODAY)

    assert made == [TODAY + timedelta(days=ahead) for ahead in range(8)]
    assert set(made) <= set(partitions.existing())
    assert partitions.create_ahead(today=TODAY) == []


def test_are_made_by_ingestion_where_one_is_missing(key):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert yesterday.date() not in partitions.existing()

    write(event(key, at_ms=int(yesterday.timestamp() * 1000)))
    ingest.drain()

    assert yesterday.date() in partitions.existing()
    assert ApiUsageLog.objects.count() == 1


def test_hold_the_two_sides_of_midnight_apart(key):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for at in (midnight - timedelta(milliseconds=1), midnight):
        write(event(key, at_ms=int(at.timestamp() * 1000)))
    ingest.drain()

    with connection.cursor() as cursor:
        for day in (midnight.date() - timedelta(days=1), midnight.date()):
            table = sql.Identifier(partitions.name(day))
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
            assert cursor.fetchone() == (1,)


def test_old_ones_are_dropped_and_their_sums_stay(key):
    now = datetime.now(UTC)
    for days in (0, 1, 2):
        write(event(key, at_ms=int((now - timedelta(days=days)).timestamp() * 1000)))
    ingest.drain()
    yesterday = now.date() - timedelta(days=1)

    dropped = partitions.drop_older_than(first_kept=yesterday)

    assert dropped == [yesterday - timedelta(days=1)]
    assert ApiUsageLog.objects.count() == 2
    assert DailyUsage.objects.count() == 3


def test_calls_older_than_the_retention_make_no_partition(key, settings):
    settings.USAGE_LOG_RETENTION_DAYS = 3
    old = datetime.now(UTC) - timedelta(days=4)
    write(event(key, at_ms=int(old.timestamp() * 1000)))

    assert ingest.drain().rejected == 1

    assert old.date() not in partitions.existing()


def test_the_oldest_day_that_is_kept_is_as_old_as_the_retention(settings):
    settings.USAGE_LOG_RETENTION_DAYS = 3

    assert partitions.first_kept(today=date(2026, 3, 4)) == date(2026, 3, 1)


def test_the_job_makes_and_drops():
    today = datetime.now(UTC).date()
    old = today - timedelta(days=partitions.retention_days() + 1)
    partitions.ensure([old])

    tasks.maintain_partitions()

    assert old not in partitions.existing()
    assert today + timedelta(days=partitions.DAYS_AHEAD) in partitions.existing()


def test_the_command_makes_and_drops():
    output = StringIO()
    call_command("maintain_partitions", "--days", "2", stdout=output)

    assert output.getvalue() == "3 partitions made, 0 dropped\n"


def test_the_ingestion_job_drains(emit):
    emit({}, {})

    tasks.ingest_usage()

    assert DailyUsage.objects.get().calls == 2


@pytest.mark.django_db(transaction=True)
def test_two_processes_may_make_the_same_one():
    outcomes = at_once(*[lambda: partitions.create_ahead(today=TODAY)] * 4)

    assert [error for error in outcomes if isinstance(error, Exception)] == []
    assert len([day for day in partitions.existing() if day >= TODAY]) >= 8
