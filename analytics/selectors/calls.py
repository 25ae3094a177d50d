"""Single calls: the newest, those that match, and the last minute."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncSecond

from analytics.metering.events import ALLOWED
from analytics.models import ApiUsageLog
from organizations.models import Organization

# A search that finds nothing must not read a whole month of a busy organization.
SEARCHED = 200_000
_RECENT = 10


def calls_of(organization: Organization) -> QuerySet[ApiUsageLog]:
    """Return an organization's calls, in the form in which lists are paged."""
    rows = ApiUsageLog.objects.filter(organization=organization)
    return rows.annotate(created_at=F("at"), id=F("request_id"))


def recent_calls(organization: Organization) -> list[ApiUsageLog]:
    """Return the newest calls, newest first, for the overview."""
    return list(calls_of(organization).order_by("-at", "-request_id")[:_RECENT])


def matching_calls(
    organization: Organization,
    *,
    request_id: str = "",
    key_ids: tuple[int, ...] | None = None,
    path: str = "",
    outcome: str = "",
) -> QuerySet[ApiUsageLog]:
    """Return the calls that match all that is given.

    Path, outcome, and several keys at once are looked for among the newest 200,000.
    """
    rows = calls_of(organization)
    if request_id:
        return rows.filter(request_id=request_id)
    several = key_ids if key_ids and len(key_ids) > 1 else ()
    if key_ids is not None and not several:
        rows = rows.filter(api_key__in=key_ids)
    if path or outcome or several:
        newest = rows.order_by("-at").values_list("at", flat=True)
        oldest = newest[SEARCHED : SEARCHED + 1].first()
        rows = rows.filter(at__gte=oldest) if oldest else rows
    if several:
        rows = rows.filter(api_key__in=several)
    if path:
        rows = rows.filter(path__contains=path)
    return rows.filter(outcome=outcome) if outcome else rows


def last_minute(organization: Organization, *, at: datetime) -> list[dict[str, Any]]:
    """Return what passed and what was refused in each of the last 60 whole seconds, oldest first."""
    end = at.replace(microsecond=0)
    start = end - timedelta(seconds=60)
    rows = ApiUsageLog.objects.filter(organization=organization, at__gte=start, at__lt=end)
    allowed = Q(outcome=ALLOWED)
    found = {
        row["second"]: row
        for row in rows.annotate(second=TruncSecond("at"))
        .values("second")
        .annotate(
            calls=Count("request_id"),
            passed=Count("request_id", filter=allowed),
            spent=Sum("units", filter=allowed),
        )
    }
    nothing = {"calls": 0, "passed": 0, "spent": 0}
    return [
        {
            "at": second,
            "calls": row["calls"],
            "refused": row["calls"] - row["passed"],
            "units": row["spent"] or 0,
        }
        for second in (start + timedelta(seconds=passed) for passed in range(60))
        for row in (found.get(second, nothing),)
    ]
