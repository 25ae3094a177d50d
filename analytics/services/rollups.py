"""Adding to the roll-ups. Rows are locked in the order of their keys, so that two writers do not wait for each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from analytics.metering import tallies
from analytics.metering.tallies import CALL_COLUMNS, REPORT_COLUMNS, CallTallies, ReportSums

_NUMBER, _INSTANT, _DAY, _TEXT = "bigint", "timestamptz", "date", "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A roll-up: its name and its key, each column with the type in which it is sent."""

    name: str
    key: Mapping[str, str]


HOURLY = Table("analytics_hourlyusage", {"organization_id": _NUMBER, "hour": _INSTANT})
HOURLY_BY_KEY = Table(
    "analytics_hourlykeyusage",
    {"organization_id": _NUMBER, "api_key_id": _NUMBER, "hour": _INSTANT},
)
DAILY_BY_ROUTE = Table(
    "analytics_dailyrouteusage",
    {"organization_id": _NUMBER, "api_id": _NUMBER, "route": _TEXT, "day": _DAY},
)
DAILY = Table("analytics_dailyusage", {"organization_id": _NUMBER, "day": _DAY})


def add_calls(batch: CallTallies) -> None:
    """Add a batch of calls to the four roll-ups."""
    keys = batch.by_key_hour
    hours = {
        key: tallies.total(keys[row] for row in rows) for key, rows in tallies.by_hour(keys).items()
    }
    days = {
        key: tallies.total(keys[row] for row in rows) for key, rows in tallies.by_day(keys).items()
    }
    _add(HOURLY, hours, CALL_COLUMNS)
    _add(HOURLY_BY_KEY, keys, CALL_COLUMNS)
    _add(DAILY_BY_ROUTE, batch.by_route_day, CALL_COLUMNS)
    _add(DAILY, days, CALL_COLUMNS)


def add_reports(
    *,
    by_key_hour: Mapping[tallies.KeyHour, ReportSums],
    by_route_day: Mapping[tallies.RouteDay, ReportSums],
) -> None:
    """Add what the proxy reported to the four roll-ups."""
    hours = _merged(tallies.by_hour(by_key_hour), by_key_hour)
    days = _merged(tallies.by_day(by_key_hour), by_key_hour)
    for table, sums in (
        (HOURLY, hours),
        (HOURLY_BY_KEY, by_key_hour),
        (DAILY_BY_ROUTE, by_route_day),
        (DAILY, days),
    ):
        _add(
            table,
            {key: row.counts for key, row in sums.items()},
            REPORT_COLUMNS,
            {key: row.latency for key, row in sums.items()},
        )


def _merged(
    groups: Mapping[tuple[int, int], Iterable[tallies.KeyHour]],
    sums: Mapping[tallies.KeyHour, ReportSums],
) -> dict[tuple[int, int], ReportSums]:
    merged = {key: ReportSums() for key in groups}
    for key, rows in groups.items():
        for row in rows:
            merged[key].merge(sums[row])
    return merged


def _add(
    table: Table,
    sums: Mapping[Any, Sequence[int]],
    columns: Sequence[str],
    latency: Mapping[Any, Sequence[int]] | None = None,
) -> None:
    if not sums:
        return
    keys = sorted(sums)
    arrays: list[Any] = [
        _key_array(kind, [key[place] for key in keys])
        for place, kind in enumerate(table.key.values())
    ]
    arrays += [number_array(sums[key][place] for key in keys) for place in range(len(columns))]
    if latency is not None:
        arrays.append([number_array(latency[key]) for key in keys])
    with connection.cursor() as cursor:
        cursor.execute(_statement(table, columns, has_latency=latency is not None), arrays)


def _key_array(kind: str, values: list[Any]) -> Any:
    if kind == _INSTANT:
        return [tallies.hour_text(value) for value in values]
    if kind == _DAY:
        return [tallies.day_text(value) for value in values]
    return values if kind == _TEXT else number_array(values)


def number_array(values: Iterable[int]) -> str:
    """Return whole numbers as PostgreSQL reads an array; the driver takes ten times as long over a list."""
    return "{" + ",".join(map(str, values)) + "}"


def _statement(table: Table, columns: Sequence[str], *, has_latency: bool) -> str:
    """Return an upsert that takes one array per column and adds to what stands there."""
    casts = [f"%s::{kind}[]" for kind in table.key.values()] + ["%s::bigint[]"] * len(columns)
    names = [*table.key, *columns]
    added = [f"{column} = mine.{column} + excluded.{column}" for column in columns]
    values = list(names)
    if has_latency:
        casts.append("%s::text[]")
        names.append("latency")
        values.append("latency::bigint[]")
        added.append("latency = tollgate_histogram_add(mine.latency, excluded.latency)")
    return (
        f"INSERT INTO {table.name} AS mine ({', '.join(names)})"  # noqa: S608  names of our own
        f" SELECT {', '.join(values)} FROM unnest({', '.join(casts)}) AS given ({', '.join(names)})"
        f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(added)}"
    )
