"""Roll-ups as ingestion would have written them, and times as the API writes them."""

from datetime import UTC, datetime, timedelta

from analytics import histogram
from analytics.models import HourlyKeyUsage, HourlyUsage
from apikeys.models import ApiKey

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hour(number: int, day: int = 0) -> datetime:
    """Return an hour of that Monday, or of a day after it."""
    return MONDAY + timedelta(days=day, hours=number)


def text(at: datetime) -> str:
    """Return a time as the API writes it."""
    return at.isoformat().replace("+00:00", "Z")


def latency(*values: int) -> list[int]:
    """Return the histogram of these milliseconds."""
    counts: list[int] = []
    for value in values:
        histogram.add(counts, histogram.bucket(value))
    return counts


def used(key: ApiKey, at: datetime, **columns) -> None:
    """Write the roll-ups of one hour of one key, as ingestion would for an organization with one key."""
    of = {"organization": key.organization, **columns}
    HourlyKeyUsage.objects.create(api_key=key, hour=at, **of)
    HourlyUsage.objects.create(hour=at, **of)
