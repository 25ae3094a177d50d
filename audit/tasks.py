"""Celery entry points of audit. Each makes one call into `services`."""

import structlog
from celery import shared_task
from django.utils import timezone

from audit.services import security
from config.common import context

logger = structlog.get_logger(__name__)


@shared_task(name="audit.purge_security_events")
def purge_security_events() -> None:
    """Delete old security events."""
    with context.job("audit.purge_security_events"):
        logger.info("security_events_purged", events=security.purge(at=timezone.now()))
