"""Figures of the whole installation's webhooks, read from the rows themselves, so that every process tells the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from webhooks.models import (
    Outcome,
    Status,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)

# Long enough for alerts, short enough to be read at each scrape.
_RECENT = timedelta(minutes=5)
# From the change to the first attempt.
_LAG = """
    SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM attempt.at - message.created_at))
    FROM webhooks_webhookattempt AS attempt
    JOIN webhooks_webhookdelivery AS delivery ON delivery.id = attempt.delivery_id
    JOIN webhooks_webhookmessage AS message ON message.id = delivery.message_id
    WHERE attempt.at > %s AND attempt.trigger = 'event'
"""
_QUANTILES = ("0.5", "0.95", "0.99")


@dataclass(frozen=True, slots=True)
class QueueState:
    """What waits in the whole installation."""

    to_fan_out: int
    pending: int
    due: int
    oldest_due_seconds: float
    open_circuits: int
    failing: int


def queue_state(*, at: datetime) -> QueueState:
    """Return what waits, for staff and for Prometheus."""
    waiting = WebhookDelivery.objects.filter(status=Status.PENDING)
    due = WebhookDelivery.objects.due(at=at)
    oldest = due.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    return QueueState(
        to_fan_out=WebhookMessage.objects.filter(fanned_out_at=None).count(),
        pending=waiting.count(),
        due=due.count(),
        oldest_due_seconds=max((at - oldest) / timedelta(seconds=1), 0.0) if oldest else 0.0,
        open_circuits=Webhook.objects.filter(circuit_open_until__gt=at).count(),
        failing=Webhook.objects.filter(failing_since__isnull=False, disabled_at=None).count(),
    )


def prometheus_text(*, at: datetime) -> str:
    """Return the figures in Prometheus's text format."""
    return "\n".join([*_queue_lines(at), *_outcome_lines(at), *_lag_lines(at)]) + "\n"


def _queue_lines(at: datetime) -> Iterator[str]:
    state = queue_state(at=at)
    for name, value, meaning in (
        ("messages_to_fan_out", state.to_fan_out, "Messages that nobody has handed out yet."),
        ("deliveries_pending", state.pending, "Deliveries that have not succeeded, nor been given up."),
        ("deliveries_due", state.due, "Deliveries that could be sent now."),
        ("oldest_due_seconds", f"{state.oldest_due_seconds:.3f}", "For how long the oldest of them has been due."),
        ("open_circuits", state.open_circuits, "Endpoints that are left alone for a while."),
        ("failing_endpoints", state.failing, "Endpoints whose last attempt failed."),
    ):  # fmt: skip
        yield from _gauge(name, meaning)
        yield f"tollgate_webhook_{name} {value}"


def _outcome_lines(at: datetime) -> Iterator[str]:
    rows = WebhookAttempt.objects.filter(at__gt=at - _RECENT).values("outcome")
    counts = dict(rows.annotate(count=Count("id")).values_list("outcome", "count"))
    yield from _gauge("attempts", "Attempts of the last five minutes by outcome.")
    for outcome in Outcome.values:
        yield f'tollgate_webhook_attempts{{outcome="{outcome}"}} {counts.get(outcome, 0)}'


def _lag_lines(at: datetime) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_LAG, [at - _RECENT])
        (found,) = cursor.fetchone() or (None,)
    yield from _gauge("lag_seconds", "Time from a change to the first attempt, over five minutes.")
    for quantile, value in zip(_QUANTILES, found or (), strict=False):
        yield f'tollgate_webhook_lag_seconds{{quantile="{quantile}"}} {value:.4f}'


def _gauge(name: str, meaning: str) -> Iterator[str]:
    yield f"# HELP tollgate_webhook_{name} {meaning}"
    yield f"# TYPE tollgate_webhook_{name} gauge"
