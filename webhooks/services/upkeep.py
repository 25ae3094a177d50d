"""Pruning: messages with their deliveries and attempts go when their plan's retention is over."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from billing.models import Subscription, SubscriptionStatus
from webhooks.models import Status, WebhookAttempt, WebhookDelivery, WebhookMessage
from webhooks.plans import ALLOWANCES, OTHERS
from webhooks.services import secrets

BATCH = 5_000


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
    pruned = 0
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        pruned += _delete(ids)
    return pruned


@transaction.atomic
def _delete(message_ids: list[int]) -> int:
    # By hand, table by table: cascades would load every row first.
    deliveries = WebhookDelivery.objects.filter(message_id__in=message_ids)
    attempts = WebhookAttempt.objects.filter(delivery__in=deliveries)
    attempts._raw_delete(attempts.db)  # noqa: SLF001  (no instance has to know)
    deliveries._raw_delete(deliveries.db)  # noqa: SLF001
    messages = WebhookMessage.objects.filter(pk__in=message_ids)
    return messages._raw_delete(messages.db)  # noqa: SLF001
