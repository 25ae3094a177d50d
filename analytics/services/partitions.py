"""One partition of the log per day (UTC): made ahead, or by ingestion where one is missing, and dropped when old."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

TABLE = "analytics_apiusagelog"
DAYS_AHEAD = 7
# Two sessions must not make the same partition at once; any constant that no other lock of ours uses.
_LOCK = 7_401_001


def retention_days() -> int:
    """Return for how many days calls stay in the log."""
    days: int = settings.USAGE_LOG_RETENTION_DAYS
    return days


@transaction.atomic
def create_ahead(*, today: date, days: int = DAYS_AHEAD) -> list[date]:
    """Make the partitions of today and the days to come; return those that were missing."""
    return ensure(today + timedelta(days=ahead) for ahead in range(days + 1))


@transaction.atomic
def ensure(days: Iterable[date]) -> list[date]:
    """Make the partitions of these days where they are missing, and return which were."""
    wanted = set(days)
    if not wanted - set(existing()):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    missing = sorted(wanted - set(existing()))
    for day in missing:
        _create(day)
    return missing


def existing() -> list[date]:
    """Return the days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(relname, 8) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = %s::regclass ORDER BY 1",
            [TABLE],
        )
        return [date.fromisoformat(name) for (name,) in cursor.fetchall()]


def drop_older_than(*, first_kept: date) -> list[date]:
    """Drop every partition of a day before `first_kept`; return their days.

    Each goes in a transaction of its own that gives up after two seconds, so that readers are never held up; the next
    run tries again.
    """
    expired = [day for day in existing() if day < first_kept]
    for day in expired:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name(day))))
    return expired


def first_kept(*, today: date) -> date:
    """Return the oldest day that retention keeps."""
    return today - timedelta(days=retention_days())


def name(day: date) -> str:
    """Return the name of a day's partition."""
    return f"{TABLE}_{day:%Y%m%d}"


def _create(day: date) -> None:
    # Attaching a finished table takes a lock that neither readers nor writers of the log wait for.
    parts = {
        "log": sql.Identifier(TABLE),
        "partition": sql.Identifier(name(day)),
        "index": sql.Identifier(f"{name(day)}_request_id"),
        "start": sql.Literal(_midnight(day)),
        "end": sql.Literal(_midnight(day + timedelta(days=1))),
    }
    with connection.cursor() as cursor:
        for statement in (
            "CREATE TABLE {partition} (LIKE {log} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            # The room left on each page is for the proxy's report of the call.
            "ALTER TABLE {partition} SET (fillfactor = 60)",
            "CREATE UNIQUE INDEX {index} ON {partition} (request_id)",
            "ALTER TABLE {log} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end})",
        ):
            cursor.execute(sql.SQL(statement).format(**parts))


def _midnight(day: date) -> str:
    return datetime.combine(day, time.min, UTC).isoformat()
