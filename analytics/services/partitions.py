"""One partition of the log per day (UTC): made ahead, or by ingestion where one is missing, and dropped when old."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.conf import settings

from config.common.partitions import PartitionedTable, Span

DAYS_AHEAD = 7
TABLE = PartitionedTable(
    name="analytics_apiusagelog",
    span=Span.DAY,
    lock=7_401_001,
    finishing=(
        # The room left on each page is for the proxy's report of the call.
        "ALTER TABLE {partition} SET (fillfactor = 60)",
        "CREATE UNIQUE INDEX {unique} ON {partition} (request_id)",
    ),
)


def retention_days() -> int:
    """Return for how many days calls stay in the log."""
    days: int = settings.USAGE_LOG_RETENTION_DAYS
    return days


def create_ahead(*, today: date, days: int = DAYS_AHEAD) -> list[date]:
    """Make the partitions of today and the days to come; return those that were missing."""
    return TABLE.ensure_ahead(today=today, count=days)


def ensure(days: Iterable[date]) -> list[date]:
    """Make the partitions of these days where they are missing, and return which were."""
    return TABLE.ensure(days)


def existing() -> list[date]:
    """Return the days that have a partition, oldest first."""
    return TABLE.existing()


def drop_older_than(*, first_kept: date) -> list[date]:
    """Drop every partition of a day before `first_kept`, each on its own; return their days."""
    expired = TABLE.expired(first_kept=first_kept)
    for day in expired:
        TABLE.drop(day)
    return expired


def first_kept(*, today: date) -> date:
    """Return the oldest day that retention keeps."""
    return today - timedelta(days=retention_days())


def name(day: date) -> str:
    """Return the name of a day's partition."""
    return TABLE.name_of(day)
