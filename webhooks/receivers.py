"""The outbox: every public event becomes a message in the transaction of the change it tells of."""

import secrets
from dataclasses import asdict
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from config.common.events import DomainEvent, published
from webhooks.models import WebhookMessage


@receiver(published)
def owe_message(event: DomainEvent, **_: Any) -> None:
    """Write the message down; whoever subscribed to it is found when it is fanned out."""
    if not event.is_public or event.organization_id is None:
        return
    at = timezone.now()
    WebhookMessage.objects.create(
        message_id=f"msg_{secrets.token_urlsafe(20)}",
        organization_id=event.organization_id,
        event_type=event.name,
        payload={"type": event.name, "timestamp": at.isoformat(), "data": asdict(event)},
        occurred_at=at,
    )
