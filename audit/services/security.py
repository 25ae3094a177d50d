"""Noting what concerns security, and saying that somebody has looked at it."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from audit.models import SecurityEvent, Severity
from audit.signals import SecurityEventAcknowledged
from config.common import context
from config.common.events import DomainEvent, publish
from config.common.logs import redact

# By the name in the OWASP logging vocabulary; whatever is not listed is a warning.
SEVERITIES = {
    "authn_login_fail": Severity.INFO,
    "authz_admin": Severity.INFO,
    "authn_token_reuse": Severity.CRITICAL,
}


@transaction.atomic(savepoint=False)
def record_security(event: DomainEvent) -> SecurityEvent:
    """Note an event that concerns security under its OWASP name."""
    here = context.current()
    return SecurityEvent.objects.create(
        name=event.security_name,
        severity=SEVERITIES.get(event.security_name, Severity.WARNING),
        organization_id=event.organization_id,
        user_id=getattr(event, "user_id", None),
        data=redact(event.as_data()),
        ip=here.ip,
        user_agent=here.user_agent[:300],
        request_id=here.request_id,
    )


@transaction.atomic
def acknowledge(*, security_event: SecurityEvent, by: User, at: datetime) -> None:
    """Say that somebody has looked at a security event; the first one to say so stays on record."""
    unseen = SecurityEvent.objects.filter(pk=security_event.pk, acknowledged_at=None)
    if unseen.update(acknowledged_at=at, acknowledged_by_id=by.pk, updated_at=at):
        publish(
            SecurityEventAcknowledged(security_event_id=security_event.pk, what=security_event.name)
        )
