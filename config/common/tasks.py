"""Celery entry points of the ground floor: sending mail, forgetting recorded answers."""

from celery import shared_task
from django.utils import timezone

from config.common import context, idempotency, mail


@shared_task(name="mail.deliver")
def deliver(mail_id: int) -> None:
    """Send one message."""
    with context.job("mail.deliver"):
        mail.deliver(mail_id=mail_id, at=timezone.now())


@shared_task(name="mail.sweep")
def sweep() -> None:
    """Send whatever waits, also what no doorbell was rung for."""
    with context.job("mail.sweep"):
        mail.deliver_due(at=timezone.now())


@shared_task(name="mail.purge")
def purge() -> None:
    """Delete old messages."""
    with context.job("mail.purge"):
        mail.purge(at=timezone.now())


@shared_task(name="idempotency.prune")
def prune_answers() -> None:
    """Delete recorded answers that are older than 24 hours."""
    with context.job("idempotency.prune"):
        idempotency.prune(at=timezone.now())
