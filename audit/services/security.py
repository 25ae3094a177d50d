"""Noting what concerns security, saying that somebody has looked at it, and forgetting it in time."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Q

from accounts.models import User
from audit import vocabulary
from audit.models import SecurityEvent, Severity
from audit.signals import SecurityEventAcknowledged
from config.common import changes, context
from config.common.events import DomainEvent, publish
from config.common.logs import redact

# A failed sign-in is soon of no interest; what was grave may be asked for when a year is closed.
KEEP_INFO = timedelta(days=90)
KEEP = timedelta(days=400)

# One row per fold. Simultaneous first ones meet at the unique index: one inserts, the others raise its count. Answers
# the count, which is 1 for a new row.
_COUNT = """
INSERT INTO audit_securityevent AS seen (
    created_at, updated_at, last_seen_at, name, severity, organization_id, user_id, data, ip, user_agent, request_id,
    count, fold, acknowledged_note
) VALUES (
    %(at)s, %(at)s, %(at)s, %(name)s, %(severity)s, %(organization_id)s, %(user_id)s, %(data)s::jsonb, %(ip)s::inet,
    %(user_agent)s, %(request_id)s, 1, %(fold)s, ''
)
ON CONFLICT (fold) DO UPDATE SET
    count = seen.count + 1,
    last_seen_at = GREATEST(seen.last_seen_at, EXCLUDED.last_seen_at),
    updated_at = GREATEST(seen.updated_at, EXCLUDED.updated_at)
RETURNING count
"""


@transaction.atomic(savepoint=False)
def record_security(event: DomainEvent, *, at: datetime) -> SecurityEvent:
    """Note an event that concerns security under its OWASP name."""
    return SecurityEvent.objects.create(**_values(event), last_seen_at=at)


@transaction.atomic(savepoint=False)
def count(event: DomainEvent, *, at: datetime) -> bool:
    """Note an event that comes over and over; return whether it is the first of its kind and actor in this minute."""
    values = {**_values(event), "at": at, "fold": _fold(event, at=at)}
    values["data"] = orjson.dumps(values["data"]).decode()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        (times,) = cursor.fetchone()
    return bool(times == 1)


def _values(event: DomainEvent) -> dict[str, Any]:
    here = context.current()
    return {
        "name": event.security_name,
        "severity": vocabulary.severity_of(event.security_name).value,
        "organization_id": event.organization_id,
        "user_id": getattr(event, "user_id", None),
        "data": redact(event.as_data()),
        "ip": here.ip,
        "user_agent": here.user_agent[:300],
        "request_id": here.request_id,
    }


def _fold(event: DomainEvent, *, at: datetime) -> str:
    here = context.current()
    actor = (here.actor.type, here.actor.id, here.ip, getattr(event, "user_id", None))
    minute = int(at.timestamp()) // 60
    told_apart = orjson.dumps([event.name, event.organization_id, actor, minute])
    return hashlib.sha256(told_apart).hexdigest()


@transaction.atomic
def acknowledge(
    *, security_event: SecurityEvent, by: User, at: datetime, note: str = ""
) -> SecurityEvent:
    """Say that somebody has looked at a security event, and return it; the first one to say so stays on record."""
    unseen = SecurityEvent.objects.filter(pk=security_event.pk, acknowledged_at=None)
    if unseen.update(
        acknowledged_at=at, acknowledged_by_id=by.pk, acknowledged_note=note, updated_at=at
    ):
        publish(
            SecurityEventAcknowledged(
                organization_id=security_event.organization_id,
                security_event_id=security_event.pk,
                what=security_event.name,
                note=note,
            ),
            **changes.of(acknowledged_at=(None, at)),
        )
    security_event.refresh_from_db()
    return security_event


def purge(*, at: datetime) -> int:
    """Delete what has been kept long enough, acknowledged or not; return how many rows."""
    is_old = Q(created_at__lt=at - KEEP)
    is_old_info = Q(severity=Severity.INFO, created_at__lt=at - KEEP_INFO)
    return SecurityEvent.objects.filter(is_old | is_old_info).delete()[0]
