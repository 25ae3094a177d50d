"""The outbox: every public event becomes a message in the transaction of the change it tells of."""

import secrets
from datetime import UTC, datetime
from typing import Any

from django.dispatch import receiver

from config.common.events import DomainEvent, published
from webhooks.models import WebhookMessage


@receiver(published)
def owe_message(event: DomainEvent, at: datetime, **_: Any) -> None:
    """Write the message down; whoever subscribed to it is found when it is fanned out."""
    if not event.is_public or event.organization_id is None:
        return
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    WebhookMessage.objects.create(
        message_id=f"msg_{secrets.token_urlsafe(20)}",
        organization_id=event.organization_id,
        event_type=event.name,
        payload={"type": event.name, "timestamp": timestamp, "data": event.as_data()},
        occurred_at=at,
    )
