"""Usage over time, read from the roll-ups only: the answer takes as long for a thousand calls as for a billion."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, groupby, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet, Value

from analytics.models import DailyRouteUsage, DailyUsage, HourlyKeyUsage, HourlyUsage
from analytics.selectors import measures
from analytics.selectors.measures import DayIn, Epoch
from config.common.errors import DomainError
from organizations.models import Organization

MAX_ROWS = 10_000
# Zones of the IANA with summer time whose names are to PostgreSQL offsets without it; these keep the same time.
_ABBREVIATIONS = {
    "CET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "MET": "Europe/Brussels",
    "WET": "Europe/Lisbon",
}
UTC_ZONE = ZoneInfo("UTC")
# What tells the rows of a group, by what the query calls it.
_GROUPS = {"key": ("api_key_id",), "route": ("api_id", "route")}
Row = dict[str, Any]


class ResultTooLarge(DomainError):
    """The answer would have more than 10,000 rows."""

    code = "result_too_large"
    title = "The result is too large"
    fix = "Ask for a shorter period, a coarser granularity, or fewer keys."
    answered_by = ("analytics_usage",)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """What is asked: `first` is included, `last` is not; both are whole hours (of routes: whole days, UTC)."""

    organization: Organization
    first: datetime
    last: datetime
    measures: tuple[str, ...] = measures.DEFAULT
    granularity: str = "hour"
    zone: ZoneInfo = UTC_ZONE
    group_by: str = ""
    key_ids: tuple[int, ...] | None = None
    routes: tuple[str, ...] = ()

    @property
    def is_about_routes(self) -> bool:
        """Whether only the roll-up by route can answer."""
        return self.group_by == "route" or bool(self.routes)

    @property
    def is_about_keys(self) -> bool:
        """Whether only the roll-up by key can answer."""
        return self.group_by == "key" or self.key_ids is not None

    @property
    def is_of_whole_days(self) -> bool:
        """Whether days in UTC make up the answer."""
        is_midnight = self.first.timetz() == self.last.timetz() == time.min.replace(tzinfo=UTC)
        return self.granularity != "hour" and self.zone.key == "UTC" and is_midnight


def series(query: UsageQuery) -> list[Row]:
    """Return one row per bucket and group, oldest first; without groups, buckets of nothing are there as zeros.

    A bucket is the second, since 1970, in which it begins. Raises ResultTooLarge.
    """
    groups = _GROUPS.get(query.group_by, ())
    by = (*(("bucket",) if query.granularity != "total" else ()), *groups)
    if not by:
        return [totals(query)]
    found = _summed(query, by).order_by(*by)
    answer = [_row(query, row) for row in found[: MAX_ROWS + 1]]
    if len(answer) > MAX_ROWS:
        raise ResultTooLarge
    return answer if groups else list(_with_gaps_filled(query, answer))


def busiest(query: UsageQuery, *, most: int) -> list[Row]:
    """Return the groups with most calls over the whole period, so many at most; calls are among the measures."""
    groups = _GROUPS[query.group_by]
    found = _summed(query, groups).order_by("-sum_calls", *groups)
    return [_row(query, row) for row in found[:most]]


def _summed(query: UsageQuery, by: tuple[str, ...]) -> QuerySet[Any, Any]:
    rows, bucket = _source(query)
    grouped = rows.annotate(bucket=Epoch(bucket)).values(*by)
    summed: QuerySet[Any, Any] = grouped.annotate(**measures.aggregates(query.measures))
    return summed


def totals(query: UsageQuery) -> Row:
    """Return the measures over everything that the query is about."""
    rows, _ = _source(query)
    return measures.values(query.measures, rows.aggregate(**measures.aggregates(query.measures)))


def buckets(query: UsageQuery) -> Iterable[int]:
    """Return when each bucket of the period begins, in seconds since 1970."""
    first, last = int(query.first.timestamp()), int(query.last.timestamp())
    if query.granularity == "hour":
        return range(first, last, 3600)
    day = query.first.astimezone(query.zone).date()
    beginnings = (_beginning(day + timedelta(days=number), query.zone) for number in count())
    # A day that a zone left out, as Samoa did when it changed sides, begins when the next one does.
    return takewhile(lambda at: at < last, (at for at, _ in groupby(beginnings)))


def first_hour(day: date, zone: ZoneInfo) -> datetime:
    """Return the first hour of UTC that begins in a day of the zone: usage is kept by such hours."""
    return datetime.fromtimestamp(-(-_beginning(day, zone) // 3600) * 3600, UTC)


def _beginning(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins: at the first midnight where there are two, and where there is none when it would be."""
    return int(datetime.combine(day, time.min, zone).timestamp())


def _source(query: UsageQuery) -> tuple[QuerySet[Any], Any]:
    """Return the rows of the roll-up that can answer, and what to group by for a bucket."""
    model, filters = _model(query)
    if model in {DailyUsage, DailyRouteUsage}:
        days = {"day__gte": query.first.date(), "day__lt": query.last.date()}
        rows = model.objects.filter(organization=query.organization, **days, **filters)
        return rows, F("day")
    hours = {"hour__gte": query.first, "hour__lt": query.last}
    rows = model.objects.filter(organization=query.organization, **hours, **filters)
    if query.granularity != "day":
        return rows, F("hour")
    zone = _ABBREVIATIONS.get(query.zone.key, query.zone.key)
    return rows, DayIn(Value(zone), F("hour"))


def _model(query: UsageQuery) -> tuple[Any, Row]:
    if query.is_about_routes:
        return DailyRouteUsage, {"route__in": query.routes} if query.routes else {}
    if query.is_about_keys:
        return HourlyKeyUsage, {} if query.key_ids is None else {"api_key__in": query.key_ids}
    return (DailyUsage if query.is_of_whole_days else HourlyUsage), {}


def _row(query: UsageQuery, row: Row) -> Row:
    shaped: Row = {}
    if "bucket" in row:
        shaped["bucket"] = row["bucket"]
        if query.granularity == "day":
            day = datetime.fromtimestamp(row["bucket"], UTC).date()
            shaped["bucket"] = _beginning(day, query.zone)
    if "api_key_id" in row:
        shaped["key_id"] = row["api_key_id"]
    if "route" in row:
        shaped |= {"route": row["route"], "api_id": row["api_id"] or None}
    return shaped | measures.values(query.measures, row)


def _with_gaps_filled(query: UsageQuery, rows: list[Row]) -> Iterator[Row]:
    found = {row["bucket"]: row for row in rows}
    nothing = measures.values(query.measures, {f"sum_{name}": None for name in query.measures})
    for at in buckets(query):
        yield found.get(at, {"bucket": at, **nothing})
