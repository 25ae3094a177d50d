"""Public events become messages owed to customers, in the transaction of the change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from config.common.events import DomainEvent, published
from webhooks.services import outbox


@receiver(published)
def owe_message(event: DomainEvent, at: datetime, **_: Any) -> None:
    """Write the message down."""
    outbox.owe(event, at=at)
