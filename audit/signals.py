"""What happens to the log itself: people look at security events, and take copies of entries."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogExported(DomainEvent):
    """Somebody took a copy of an organization's log."""

    name = "audit_log.exported"
    summary = "audit log exported as {file_format}"
    target_type = "organization"

    file_format: str
    filters: dict[str, str]
