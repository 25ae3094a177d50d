"""Background jobs by name. The queue is a doorbell: the rows a job works on are the truth, and sweeps find them too."""

from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.common import redis as connections

logger = structlog.get_logger(__name__)


def enqueue(job: str, **arguments: Any) -> None:
    """Ask for the job once the present transaction is committed; arguments are ids and primitives, never secrets."""
    transaction.on_commit(lambda: _ring(job, arguments), robust=True)


def enqueue_now(job: str, **arguments: Any) -> None:
    """Ask for the job at once, though the present transaction may be undone: a refusal leaves something to look into."""
    _ring(job, arguments)


def _ring(job: str, arguments: dict[str, Any]) -> None:
    try:
        # The broker's own client would find out only after six to ten seconds, and anew for every ring.
        connections.client().ping()
        current_app.send_task(job, kwargs=arguments, retry=False, ignore_result=True)
    except (RedisError, OperationalError, OSError) as error:
        # Nothing is lost: the sweep that beat starts every few seconds finds the same row.
        logger.warning("job_not_queued", job=job, error=type(error).__name__)
