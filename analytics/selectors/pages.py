"""What the pages show: the overview's numbers, and usage by key and by route."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Sum

from analytics.selectors import usage
from analytics.selectors.usage import UTC_ZONE, UsageQuery
from apikeys.models import KeyUsage
from apikeys.restrictions import QuotaPeriod, period_of
from billing import selectors as billing
from organizations.models import Organization

_LISTED = 50
_MEASURES = ("calls", "errors", "units")


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of the organization's quota is used, and when it begins anew."""

    used: int
    limit: int
    resets_at: datetime


def zone_named(name: str) -> ZoneInfo:
    """Return a person's time zone; UTC where it is not known any more."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC_ZONE


def headline(organization: Organization, *, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return calls, errors and latency of today, and calls of this month, in a time zone."""
    today = at.astimezone(zone).date()
    asked = UsageQuery(
        organization=organization,
        first=usage.first_hour(today, zone),
        last=_hour(at) + timedelta(hours=1),
        measures=("calls", "errors", "latency_p95"),
    )
    of_today = usage.totals(asked)
    month = usage.first_hour(today.replace(day=1), zone)
    of_month = usage.totals(replace(asked, first=month, measures=("calls",)))
    return {
        "calls_today": of_today["calls"],
        "errors_today": of_today["errors"],
        "p95_ms": of_today["latency_p95"],
        "calls_month": of_month["calls"],
    }


def quota_of(organization: Organization, *, at: datetime) -> Quota | None:
    """Return how much of its quota the organization has used in this billing period; None without a quota."""
    allowance = billing.allowance_of(organization)
    if allowance.quota_limit is None:
        return None
    start, end = period_of(QuotaPeriod.BILLING, at, allowance.period_anchor_at)
    if start == allowance.period_anchor_at:
        # Units are kept per hour; before the first period there is none that the hour could belong to.
        start = _hour(start)
    rows = KeyUsage.objects.filter(organization=organization, hour__gte=start, hour__lt=end)
    return Quota(rows.aggregate(used=Sum("units", default=0))["used"], allowance.quota_limit, end)


def by_key(asked: UsageQuery) -> list[dict[str, Any]]:
    """Return what each key used, the busiest first; a key that is gone has no name any more."""
    question = replace(asked, measures=_MEASURES, granularity="total", group_by="key")
    rows = usage.busiest(question, most=_LISTED)
    keys = asked.organization.api_keys.in_bulk([row["key_id"] for row in rows])
    return [{**row, "key": keys.get(row["key_id"], {"name": "Deleted key"})} for row in rows]


def by_route(asked: UsageQuery) -> list[dict[str, Any]]:
    """Return what was used of each route on the days (UTC) of the period, the busiest first."""
    question = replace(
        asked,
        first=datetime.combine(asked.first.date(), time.min, UTC),
        last=datetime.combine(asked.last.date() + timedelta(days=1), time.min, UTC),
        measures=_MEASURES,
        granularity="total",
        zone=UTC_ZONE,
        group_by="route",
        key_ids=None,
    )
    rows = usage.busiest(question, most=_LISTED)
    return [{**row, **_method_and_path(row["route"])} for row in rows]


def chart(asked: UsageQuery) -> dict[str, Any]:
    """Return calls and errors over time as the chart draws them."""
    rows = usage.series(replace(asked, measures=("calls", "errors")))
    return {
        "at": [row["bucket"] for row in rows],
        "series": [
            {"label": label, "values": [row[name] for row in rows]}
            for name, label in (("calls", "Calls"), ("errors", "Errors"))
        ],
    }


def _method_and_path(route: str) -> dict[str, str]:
    method, _, path = route.partition(" ")
    return {"method": method, "route": path} if path else {"method": "", "route": route}


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
