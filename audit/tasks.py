"""Celery entry points of audit. Each makes one call into `services`."""

import structlog
from celery import shared_task
from django.utils import timezone

from audit.services import months, seals, security
from config.common import context

logger = structlog.get_logger(__name__)


@shared_task(name="audit.purge_security_events")
def purge_security_events() -> None:
    """Delete old security events."""
    with context.job("audit.purge_security_events"):
        logger.info("security_events_purged", events=security.purge(at=timezone.now()))


@shared_task(name="audit.maintain_months")
def maintain_months() -> None:
    """Make the months of the log to come and drop those past their retention."""
    now = timezone.now()
    with context.job("audit.maintain_months"):
        months.create_ahead(at=now)
        dropped = months.drop_expired(at=now)
        logger.info("audit_months_dropped", months=[month.isoformat() for month in dropped])


@shared_task(name="audit.seal_chains")
def seal_chains() -> None:
    """Sign where every chain stands."""
    with context.job("audit.seal_chains"):
        seals.seal_heads(at=timezone.now())
