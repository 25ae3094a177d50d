"""Rows for the lists of webhooks."""

import secrets

from tests.api.numbered import AWKWARD, numbered
from tests.api.world import World
from webhooks.models import (
    ConformanceRun,
    Outcome,
    RunStatus,
    Status,
    Trigger,
    Webhook,
    WebhookDelivery,
    WebhookMessage,
)


def webhooks(world: World) -> None:
    """Make endpoints that fare well, fail, and are switched off."""
    Webhook.objects.bulk_create(
        Webhook(
            organization=world.mine,
            created_by=world.people["owner"] if full else world.people["stranger"],
            url=f"http://127.0.0.1:8099/{number}",
            description=AWKWARD if full else "",
            event_types=["invoice.*", "api_key.created"] if full else ["*"],
            filters=[{"path": "data.plan", "operator": "eq", "value": 2}] if full else [],
            disabled_at=at if number % 3 == 0 else None,
            disabled_reason="customer" if number % 3 == 0 else "",
            failing_since=at if number % 5 == 0 else None,
            last_success_at=at if full else None,
        )
        for number, full, at in numbered()
    )


def runs(world: World) -> None:
    """Make conformance runs that failed and that are graded."""
    webhook = world.webhook.webhook
    found = {"code": "x", "title": AWKWARD, "verdict": "passed", "detail": "", "fix": ""}
    ConformanceRun.objects.bulk_create(
        ConformanceRun(
            organization=world.mine,
            webhook=webhook,
            url=webhook.url,
            probes_total=15,
            status=RunStatus.FINISHED if full else RunStatus.FAILED,
            score=90 if full else None,
            grade="A" if full else "",
            results=[{**found, "status_code": None, "duration_ms": 3}] if full else [],
            started_at=at if full else None,
            completed_at=at,
        )
        for _, full, at in numbered()
    )


def deliveries(world: World) -> None:
    """Send the endpoint messages, some of which arrived."""
    webhook = world.webhook.webhook
    tag = secrets.token_hex(8)
    owed = WebhookMessage.objects.bulk_create(
        WebhookMessage(
            message_id=f"msg_{tag}{number}",
            organization=world.mine,
            event_type="webhook.created",
            payload={"type": "webhook.created", "timestamp": at.isoformat(), "data": {"n": number}},
            is_test=full,
            occurred_at=at,
            fanned_out_at=at,
        )
        for number, full, at in numbered()
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization=world.mine,
            webhook=webhook,
            message=owed[number],
            trigger=Trigger.EVENT,
            status=Status.SUCCEEDED if full else Status.PENDING,
            attempts=number,
            last_attempt_at=at if full else None,
            last_outcome=Outcome.SUCCEEDED if full else "",
            last_status_code=204 if full else None,
            next_attempt_at=None if full else at,
            completed_at=at if full else None,
        )
        for number, full, at in numbered()
    )
