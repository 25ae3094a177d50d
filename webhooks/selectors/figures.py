"""Figures of endpoints over time: attempts by hour, and how long answers took. Counted from the log itself."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Aggregate, Count, DateTimeField, F, FloatField, Func, Q, Value

from webhooks.models import Outcome, Webhook, WebhookAttempt

HOUR = timedelta(hours=1)


class Percentile(Aggregate):
    """PostgreSQL's `percentile_cont` of a column."""

    function = "percentile_cont"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, column: str, *, share: float) -> None:
        super().__init__(column, share=share, output_field=FloatField())


@dataclass(slots=True)
class Bucket:
    """The attempts of the hour that begins at this time."""

    at: datetime
    succeeded: int = 0
    failed: int = 0

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers took, in milliseconds; nothing where there was none."""

    median_ms: float | None
    p95_ms: float | None


def by_hour(webhooks: Iterable[Webhook], *, at: datetime, hours: int) -> dict[int, list[Bucket]]:
    """Return, by endpoint, a bucket for each of the last so many hours, counted back from now, oldest first.

    So they add up to the figures of the same time, and are nobody's hours of the clock, which differ by time zone.
    """
    begin = at - HOUR * hours
    ids = [webhook.pk for webhook in webhooks]
    counted: dict[tuple[int, datetime], tuple[int, int]] = defaultdict(lambda: (0, 0))
    rows = (
        WebhookAttempt.objects.filter(webhook__in=ids, at__gte=begin)
        .annotate(hour=_hours_from(begin))
        .values("webhook_id", "hour")
        .annotate(total=Count("id"), good=Count("id", filter=Q(outcome=Outcome.SUCCEEDED)))
        .order_by()
    )
    for row in rows:
        counted[row["webhook_id"], row["hour"]] = (row["good"], row["total"] - row["good"])
    times = [begin + HOUR * number for number in range(hours)]
    return {pk: [Bucket(time, *counted[pk, time]) for time in times] for pk in ids}


def _hours_from(begin: datetime) -> Func:
    parts = (Value(HOUR), F("at"), Value(begin))
    return Func(*parts, function="date_bin", output_field=DateTimeField())


def latency_of(webhook: Webhook, *, since: datetime) -> Latency:
    """Return the median and the 95th percentile of the attempts that were answered."""
    found = WebhookAttempt.objects.filter(
        webhook=webhook, at__gte=since, status_code__isnull=False
    ).aggregate(
        median=Percentile("duration_ms", share=0.5), p95=Percentile("duration_ms", share=0.95)
    )
    return Latency(found["median"], found["p95"])


def busiest_types(webhook: Webhook, *, since: datetime, limit: int = 5) -> list[tuple[str, int]]:
    """Return the event types that an endpoint got most deliveries of, with their counts."""
    rows = (
        webhook.deliveries.filter(created_at__gte=since)
        .values(event_type=F("message__event_type"))
        .annotate(count=Count("id"))
        .order_by("-count", "event_type")[:limit]
    )
    return [(row["event_type"], row["count"]) for row in rows]
