"""Recomputing roll-ups from the log. Where everything is right, nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction

from analytics.metering.tallies import OUTCOME_COLUMNS
from analytics.services import ingest, partitions, rollups
from analytics.services.rollups import Table


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What rebuilding one day came to: rows that were wrong or missing, and rows that should not have been there."""

    day: date
    corrected: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Source:
    """How a roll-up's rows follow from the log: an expression per key column, and the column of its period."""

    table: Table
    expressions: tuple[str, ...]
    period: str


_HOUR = "date_trunc('hour', at, 'UTC')"
_DAY = "(at AT TIME ZONE 'UTC')::date"
_SOURCES = (
    _Source(rollups.HOURLY, ("organization_id", _HOUR), "hour"),
    _Source(rollups.HOURLY_BY_KEY, ("organization_id", "api_key_id", _HOUR), "hour"),
    _Source(rollups.DAILY_BY_ROUTE, ("organization_id", "api_id", "route", _DAY), "day"),
    _Source(rollups.DAILY, ("organization_id", _DAY), "day"),
)
_ALLOWED = "outcome = 'VALID'"
_REPORTED = f"{_ALLOWED} AND status IS NOT NULL"


def _counted(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


_MEASURES = {
    "calls": "count(*)",
    **{column: _counted(f"outcome = '{code}'") for code, column in OUTCOME_COLUMNS.items()},
    "denied": _counted(
        "outcome NOT IN (" + ", ".join(f"'{code}'" for code in OUTCOME_COLUMNS) + ")"
    ),
    "units": f"coalesce(sum(units) FILTER (WHERE {_ALLOWED}), 0)",
    "reported": _counted(_REPORTED),
    "client_errors": _counted(f"{_ALLOWED} AND status BETWEEN 400 AND 499"),
    "server_errors": _counted(f"{_ALLOWED} AND status >= 500"),
    "bytes_in": "coalesce(sum(bytes_in), 0)",
    "bytes_out": "coalesce(sum(bytes_out), 0)",
    "latency": f"tollgate_histogram_of(latency_ms) FILTER (WHERE {_ALLOWED})",
}


def rebuild(*, first: date, last: date) -> Iterator[Rebuilt]:
    """Recompute the roll-ups of the days from first to last, a transaction for each.

    Days that have no partition are passed over: what the log no longer holds cannot be recomputed.
    """
    for day in partitions.existing():
        if first <= day <= last:
            yield _rebuild_day(day)


@transaction.atomic
def _rebuild_day(day: date) -> Rebuilt:
    ingest.wait_for_checkpoint()
    with connection.cursor() as cursor:
        # Without statistics, as after a restore, the planner would compare every row with every other.
        cursor.execute("SET LOCAL enable_nestloop = off")
    corrected = removed = 0
    for source in _SOURCES:
        with connection.cursor() as cursor:
            cursor.execute(_upsert(source), _bounds(day))
            corrected += cursor.rowcount
            cursor.execute(_delete(source), [*_bounds(day), *_period(source, day)])
            removed += cursor.rowcount
    return Rebuilt(day, corrected, removed)


def _upsert(source: _Source) -> str:
    """Return the statement that makes every row of the day what the log says, touching only those that differ."""
    names = [*source.table.key, *_MEASURES]
    mine = ", ".join(f"mine.{name}" for name in _MEASURES)
    given = ", ".join(f"excluded.{name}" for name in _MEASURES)
    return (
        f"INSERT INTO {source.table.name} AS mine ({', '.join(names)})"  # noqa: S608  names of our own
        f" SELECT {', '.join([*source.expressions, *_MEASURES.values()])}"
        " FROM analytics_apiusagelog WHERE at >= %s AND at < %s"
        f" GROUP BY {', '.join(source.expressions)} ORDER BY {', '.join(source.expressions)}"
        f" ON CONFLICT ({', '.join(source.table.key)}) DO UPDATE"
        f" SET ({', '.join(_MEASURES)}) = ROW ({given})"
        f" WHERE ({mine}) IS DISTINCT FROM ({given})"
    )


def _delete(source: _Source) -> str:
    """Return the statement that removes the day's rows of which the log knows nothing."""
    same = " AND ".join(
        f"{expression} = mine.{name}"
        for name, expression in zip(source.table.key, source.expressions, strict=True)
    )
    return (
        f"DELETE FROM {source.table.name} AS mine"  # noqa: S608  names of our own
        " WHERE NOT EXISTS (SELECT FROM analytics_apiusagelog"
        f" WHERE at >= %s AND at < %s AND {same})"
        f" AND mine.{source.period} >= %s AND mine.{source.period} < %s"
    )


def _bounds(day: date) -> list[datetime]:
    return [datetime.combine(day + timedelta(days=more), time.min, UTC) for more in (0, 1)]


def _period(source: _Source, day: date) -> list[date] | list[datetime]:
    return _bounds(day) if source.period == "hour" else [day, day + timedelta(days=1)]
