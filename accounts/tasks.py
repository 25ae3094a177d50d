"""Celery entry points of accounts. Each makes one call into `services`."""

import structlog
from celery import shared_task
from django.utils import timezone

from accounts import services
from config.common import context

logger = structlog.get_logger(__name__)


@shared_task(name="accounts.purge_expired")
def purge_expired() -> None:
    """Delete old links, sessions, cookies and counts of tries."""
    with context.job("accounts.purge_expired"):
        logger.info("accounts_purged", **services.upkeep.purge_expired(at=timezone.now()))
