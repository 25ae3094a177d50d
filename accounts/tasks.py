"""Celery entry points of accounts. Each makes one call into `services`."""

import structlog
from celery import shared_task
from django.utils import timezone

from accounts import services
from config.common import context

logger = structlog.get_logger(__name__)


@shared_task(name="accounts.purge_expired")
def purge_expired() -> None:
    """Delete old links, sessions, cookies, counts of tries and files."""
    with context.job("accounts.purge_expired"):
        logger.info("accounts_purged", **services.upkeep.purge_expired(at=timezone.now()))


@shared_task(name="accounts.lift_suspensions")
def lift_suspensions() -> None:
    """Let in again whose suspension is over."""
    with context.job("accounts.lift_suspensions"):
        lifted = services.suspension.lift_due(at=timezone.now())
        if lifted:
            logger.info("suspensions_lifted", lifted=lifted)


@shared_task(name="accounts.broadcast")
def broadcast(broadcast_id: int) -> None:
    """Send one message to its audience."""
    with context.job("accounts.broadcast"):
        services.broadcasts.run(broadcast_id=broadcast_id, at=timezone.now())


@shared_task(name="accounts.sweep_broadcasts")
def sweep_broadcasts() -> None:
    """Send on the messages that no doorbell was rung for, or whose worker died."""
    with context.job("accounts.sweep_broadcasts"):
        services.broadcasts.run_due(at=timezone.now())


@shared_task(name="accounts.export")
def export(export_id: int) -> None:
    """Make one copy of a person's data."""
    with context.job("accounts.export"):
        services.exports.make(export_id=export_id, at=timezone.now())


@shared_task(name="accounts.sweep_exports")
def sweep_exports() -> None:
    """Make the copies that no doorbell was rung for; delete those past their seven days."""
    with context.job("accounts.sweep_exports"):
        now = timezone.now()
        services.exports.make_due(at=now)
        services.exports.purge(at=now)


@shared_task(name="accounts.delete_due")
def delete_due() -> None:
    """Remind people whose account goes in three days, and erase the accounts whose days are over."""
    with context.job("accounts.delete_due"):
        now = timezone.now()
        reminded = services.deletions.remind_due(at=now)
        logger.info(
            "accounts_erased", erased=services.deletions.erase_due(at=now), reminded=reminded
        )
