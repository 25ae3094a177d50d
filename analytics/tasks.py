"""Celery entry points of usage. Each makes one call into `services`; beat rings every second, the stream is the truth."""

from celery import shared_task
from django.utils import timezone

from analytics.services import ingest, partitions
from config.common import context

# Well under the task's time limit; the next second's doorbell goes on.
_DRAIN_SECONDS = 30.0


@shared_task(name="analytics.ingest")
def ingest_usage() -> None:
    """Drain the usage stream; another worker that does so already is left alone."""
    with context.job("analytics.ingest"):
        ingest.drain(seconds=_DRAIN_SECONDS)


@shared_task(name="analytics.maintain_partitions")
def maintain_partitions() -> None:
    """Make the partitions of the days to come and drop those past their retention."""
    today = timezone.now().date()
    with context.job("analytics.maintain_partitions"):
        partitions.create_ahead(today=today)
        partitions.drop_older_than(first_kept=partitions.first_kept(today=today))
