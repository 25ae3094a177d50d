"""The doorbell: after a commit, whoever sends is told that there is something to send.

Two keys keep a burst of changes from becoming a burst of jobs. `bell` is set by whoever rings first, `drain` by whoever
sends, for as long as they do. Who set the bell looks for a drain, and asks for one where there is none; a drain that
ends takes its key away and then looks for the bell. So at least one of them sees the other. Losing either key, or all
of Redis, delays a message until the next sweep and loses nothing.
"""

import structlog
from django.db import transaction
from redis import RedisError

from config.common import jobs
from config.common import redis as connections

logger = structlog.get_logger(__name__)
JOB = "webhooks.deliver"
_BELL_MS = 10_000
_DRAIN_MS = 5_000


def ring_on_commit() -> None:
    """Ring once the present transaction is committed."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Tell a running drain, or ask for one."""
    try:
        pipeline = connections.client().pipeline(transaction=False)
        pipeline.set(_key("bell"), 1, px=_BELL_MS, nx=True)
        pipeline.exists(_key("drain"))
        is_first, is_heard = pipeline.execute()
    except RedisError as error:
        logger.warning("webhook_bell_not_rung", error=type(error).__name__)
        return
    if is_first and not is_heard:
        jobs.enqueue_now(JOB)


def answer() -> bool:
    """Say that somebody is sending and return whether the bell rang since the last answer."""
    try:
        pipeline = connections.client().pipeline(transaction=False)
        pipeline.set(_key("drain"), 1, px=_DRAIN_MS)
        pipeline.getdel(_key("bell"))
        return pipeline.execute()[1] is not None
    except RedisError:
        return False


def leave() -> bool:
    """Say that nobody is sending any more and return whether the bell rang meanwhile."""
    try:
        pipeline = connections.client().pipeline(transaction=False)
        pipeline.delete(_key("drain"))
        pipeline.getdel(_key("bell"))
        return pipeline.execute()[1] is not None
    except RedisError:
        return False


def _key(name: str) -> str:
    return connections.key("webhooks", name)
