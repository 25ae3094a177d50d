"""Every event becomes an entry, in the transaction of the change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audit.services import entries, security
from config.common.events import DomainEvent, published


@receiver(published)
def write_entry(event: DomainEvent, at: datetime, **_: Any) -> None:
    """Append the event; without its entry the change does not happen."""
    entries.record(event, at=at)
    if event.security_name:
        security.record_security(event)
