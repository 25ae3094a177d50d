"""Celery entry points of webhooks. Each makes one call into the services; beat rings every few seconds, rows are the truth."""

from celery import shared_task
from django.utils import timezone

from config.common import context
from webhooks.services import conformance, sending, upkeep


@shared_task(name="webhooks.deliver")
def deliver() -> None:
    """Hand out what is new and send what is due; where somebody does so already, they are left alone."""
    with context.job("webhooks.deliver"):
        sending.drain()


@shared_task(name="webhooks.sweep")
def sweep() -> None:
    """Do the same for what no doorbell was rung for, and for what a worker that died held."""
    with context.job("webhooks.sweep"):
        sending.drain()


@shared_task(name="webhooks.run_conformance")
def run_conformance() -> None:
    """Do the conformance runs that wait, those that a lost job left behind among them."""
    with context.job("webhooks.run_conformance"):
        conformance.run_due()


@shared_task(name="webhooks.prune")
def prune() -> None:
    """Delete messages and logs past their plan's retention, and secrets that sign no more."""
    with context.job("webhooks.prune"):
        upkeep.prune(at=timezone.now())
