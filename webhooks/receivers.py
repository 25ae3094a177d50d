"""Public events become messages owed to customers, in the transaction of the change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from config.common.events import DomainEvent, published
from organizations import grantable
from organizations.roles import Permission
from webhooks.models import Webhook
from webhooks.services import outbox

grantable.register(
    "webhook",
    Webhook,
    {Permission.WEBHOOKS_READ: "view_webhook", Permission.WEBHOOKS_WRITE: "change_webhook"},
)


@receiver(published)
def owe_message(event: DomainEvent, at: datetime, **_: Any) -> None:
    """Write the message down."""
    outbox.owe(event, at=at)
