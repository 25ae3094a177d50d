"""What the long-running commands share: going on until asked to stop, through outages of what they need."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import redis.exceptions
import structlog
from django.db import DatabaseError, InterfaceError, connection

from config.common import memory

logger = structlog.get_logger(__name__)

OUTAGES = (
    redis.exceptions.RedisError,
    DatabaseError,
    InterfaceError,
    psycopg.Error,
    OSError,
)
_RETRY_SECONDS = 1.0
ResultT = TypeVar("ResultT")


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set; the step at hand is finished first."""
    event = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: event.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def follow(
    step: Callable[[], ResultT],
    *,
    is_idle: Callable[[ResultT], bool],
    stop: threading.Event,
    pause: float,
) -> Iterator[ResultT]:
    """Yield the results of step after step; pause when there was nothing to do, go on after an outage."""
    memory.settle()
    while not stop.is_set():
        try:
            result = step()
        except OUTAGES as error:
            logger.warning("step_failed", error=type(error).__name__, detail=str(error)[:200])
            connection.close()
            stop.wait(_RETRY_SECONDS)
            continue
        yield result
        if is_idle(result):
            stop.wait(pause)
