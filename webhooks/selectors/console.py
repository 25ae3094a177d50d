"""What staff looks at: what is stuck, whose circuit is open, and where deliveries were blocked."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from webhooks.models import Outcome, Status, Webhook, WebhookAttempt, WebhookDelivery

STUCK_AFTER = timedelta(minutes=2)
_ROWS = 50
_PENDING = Q(deliveries__status=Status.PENDING)


def stuck(*, at: datetime) -> QuerySet[WebhookDelivery]:
    """Return the deliveries that could have been sent minutes ago, and were not, oldest first."""
    return (
        WebhookDelivery.objects.select_related("message", "webhook", "organization")
        .defer("message__payload", "message__passed_over")
        .due(at=at)
        .filter(next_attempt_at__lt=at - STUCK_AFTER)
        .order_by("next_attempt_at", "id")
    )


def open_circuits(*, at: datetime) -> QuerySet[Webhook]:
    """Return the endpoints that are left alone for a while, with how much waits for each, the longest failing first."""
    return (
        Webhook.objects.select_related("organization")
        .filter(circuit_open_until__gt=at)
        .annotate(waiting=Count("deliveries", filter=_PENDING))
        .order_by("failing_since", "id")
    )


def blocked(*, since: datetime) -> list[dict[str, Any]]:
    """Return where deliveries were not let through by the guard of outbound connections, the latest first."""
    rows = (
        WebhookAttempt.objects.filter(at__gte=since, outcome=Outcome.BLOCKED)
        .values("webhook_id", "url", "error", "webhook__organization__name")
        .annotate(count=Count("id"), latest=Max("at"))
        .order_by("-latest")
    )
    return [dict(row) for row in rows[:_ROWS]]
