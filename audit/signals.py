"""What happens to security events: people look at them."""

from dataclasses import dataclass

from config.common.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventAcknowledged(DomainEvent):
    """Somebody has looked at a security event."""

    name = "security_event.acknowledged"
    summary = "security event {security_event_id} ({what}) acknowledged"
    target_type = "security_event"
    is_change = True

    security_event_id: int
    what: str
    note: str = ""
