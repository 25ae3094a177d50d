"""Pruning: messages with their deliveries and attempts go when their plan's retention is over."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from billing.models import Subscription, SubscriptionStatus
from webhooks.models import Status, WebhookDelivery, WebhookMessage
from webhooks.plans import ALLOWANCES, OTHERS
from webhooks.services import secrets

BATCH = 1_000
# Whoever makes a delivery of a message that is handed out already locks it, too.
_LOCK = "SELECT 1 FROM webhooks_webhookmessage WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
# Asked of each row as it is deleted: one that is sent again at this moment is waited for, and stays.
_DELIVERIES = """
    DELETE FROM webhooks_webhookdelivery WHERE message_id = ANY(%s) AND status <> 'PENDING' RETURNING id
"""
_ATTEMPTS = "DELETE FROM webhooks_webhookattempt WHERE delivery_id = ANY(%s)"
_MESSAGES = """
    DELETE FROM webhooks_webhookmessage AS message WHERE id = ANY(%s)
        AND NOT EXISTS (SELECT 1 FROM webhooks_webhookdelivery WHERE message_id = message.id)
"""


def prune(*, at: datetime) -> int:
    """Delete what is past its retention and return how many messages went; what still waits to be sent stays."""
    secrets.prune(at=at)
    return sum(
        _prune_older(_organizations(code), at - timedelta(days=allowance.retention_days))
        for code, allowance in [*ALLOWANCES.items(), ("", OTHERS)]
    )


def _organizations(plan_code: str) -> Q:
    """Return which messages belong to organizations on a plan; without a code, those on a plan of their own or none."""
    codes = [plan_code] if plan_code else list(ALLOWANCES)
    active = Subscription.objects.filter(status=SubscriptionStatus.ACTIVE, plan__code__in=codes)
    on_plan = Q(organization_id__in=active.values("organization_id"))
    return on_plan if plan_code else ~on_plan


def _prune_older(whose: Q, before: datetime) -> int:
    waiting = WebhookDelivery.objects.filter(status=Status.PENDING).values("message_id")
    old = WebhookMessage.objects.filter(
        whose, created_at__lt=before, fanned_out_at__isnull=False
    ).exclude(pk__in=waiting)
    pruned = latest = 0
    while ids := list(
        old.filter(pk__gt=latest).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        pruned += _delete(ids)
        latest = ids[-1]
    return pruned


@transaction.atomic
def _delete(message_ids: list[int]) -> int:
    # By hand, table by table: cascades would load every row first.
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [message_ids])
        cursor.execute(_DELIVERIES, [message_ids])
        cursor.execute(_ATTEMPTS, [[pk for (pk,) in cursor.fetchall()]])
        cursor.execute(_MESSAGES, [message_ids])
        pruned: int = cursor.rowcount
    return pruned
