"""Telling of what is noticed rather than done, such as refusals: apart from the request's work, and never too often."""

import structlog
from django.db import DatabaseError, InterfaceError, transaction

from config.common import ratelimit
from config.common.events import DomainEvent, publish
from config.common.ratelimit import Rate

logger = structlog.get_logger(__name__)

# Somebody who hammers at a closed door costs one write a second at most, and fills neither the log nor the disk.
PACE = Rate(limit=60, per_seconds=60, burst=20)


def tell(event: DomainEvent, *, bucket: str) -> None:
    """Publish a sighting in a transaction of its own, at most as often as the pace allows for its bucket.

    The answer that is being refused stays what it is: when the database is away, the sighting is only logged.
    """
    if not ratelimit.take(f"told:{bucket}", PACE).is_allowed:
        return
    try:
        with transaction.atomic():
            publish(event)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("sighting_not_noted", sighting=event.name, error=type(error).__name__)
