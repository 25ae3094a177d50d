"""Counting tries in PostgreSQL: exact under concurrency, and not forgotten when Redis is. Too many failures pause."""

import hashlib
import ipaddress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts.models import LoginGuard
from accounts.signals import LoginLocked
from config.common import context, sightings
from config.common.events import publish
from config.common.signals import PaceExceeded

WINDOW = timedelta(hours=1)
# Failures within the window and the pause that follows. The last one pauses for a whole window, so that no hour ever
# sees more than 20 guesses.
TIERS = {5: timedelta(minutes=1), 10: timedelta(minutes=15), 20: WINDOW}

# One subject's tries within the window, the present one included, in one statement, so that simultaneous ones all
# count. Only the newest 250 are kept, more than any limit asks for.
_COUNT = """
INSERT INTO accounts_loginguard AS guard (subject, tried_at)
VALUES (%(subject)s, ARRAY[%(at)s]::timestamptz[])
ON CONFLICT (subject) DO UPDATE SET tried_at = ARRAY[%(at)s]::timestamptz[] || ARRAY(
    SELECT try FROM unnest(guard.tried_at) AS try
    WHERE try > %(since)s ORDER BY try DESC LIMIT 249
)
RETURNING cardinality(tried_at)
"""
# Held until the transaction ends: whoever else tries the same subject waits for the outcome.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

_IPV6_CUSTOMER_BITS = 64


def subject(kind: str, *values: str) -> str:
    """Return the digest under which tries are counted; the guard's table names nobody."""
    return hashlib.sha256("\n".join((kind, *values)).encode()).hexdigest()


def caller() -> str:
    """Return whom tries are counted against by address: an IPv4 address, or the /64 that one IPv6 customer has."""
    address = context.current().ip
    if address is None or ":" not in address:
        return address or "unknown"
    return str(ipaddress.IPv6Network((address, _IPV6_CUSTOMER_BITS), strict=False))


def count(counted: str, *, at: datetime, window: timedelta) -> int:
    """Note a try and return how many there were within the window, this one included."""
    values: dict[str, Any] = {"subject": counted, "at": at, "since": at - window}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        (tries,) = cursor.fetchone()
    return int(tries)


def record_failure(counted: str, *, user_id: int | None, at: datetime) -> None:
    """Count a failure, and pause the subject if that brings it to a tier."""
    failures = count(counted, at=at, window=WINDOW)
    pause = WINDOW if failures >= max(TIERS) else TIERS.get(failures)
    if pause is not None:
        LoginGuard.objects.filter(subject=counted).update(locked_until=at + pause)
        seconds = int(pause.total_seconds())
        publish(LoginLocked(user_id=user_id, failures=failures, seconds=seconds))


def serialize(counted: str) -> None:
    """Let nobody else try the same subject until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [counted])


def tell_excess(door: str) -> None:
    """Publish that the caller knocks at a door faster than its limit."""
    sightings.tell(PaceExceeded(door=door), bucket=f"excess:{door}:{caller()}")


def forget(counted: str) -> None:
    """Forgive a subject all its tries."""
    LoginGuard.objects.filter(subject=counted).delete()
