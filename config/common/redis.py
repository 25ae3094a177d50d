"""The connection to Redis or Valkey for everything but the gate, which pipelines on its own."""

import threading
import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_OPEN_SECONDS = 1.0
# For the one caller who tries whether Redis is back: longer than that takes.
_TRIAL_SECONDS = 5.0


class CircuitBreakerPool(redis.ConnectionPool):
    """Connections to a Redis that may be away: while it is, one caller a second finds out, and the others at once.

    A Redis that swallows what it is sent would cost every request seconds, several times over, until no thread is left.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Of `time.monotonic`; zero while the circuit is closed.
        self._open_until = 0.0
        self._breaker = threading.Lock()

    def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> Any:
        """Return a connection that works. Raises ConnectionError at once if there was none a moment ago."""
        self._require_closed()
        try:
            connection = super().get_connection()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            self._open_until = time.monotonic() + _OPEN_SECONDS
            raise
        self._open_until = 0.0
        return connection

    def _require_closed(self) -> None:
        with self._breaker:
            now = time.monotonic()
            if now < self._open_until:
                raise redis.ConnectionError("Redis was away a moment ago.")
            if self._open_until:
                # Half open: whoever comes meanwhile does not wait for the same answer.
                self._open_until = now + _TRIAL_SECONDS


@lru_cache(maxsize=4)
def _client(url: str, timeout_seconds: float) -> redis.Redis:
    pool = CircuitBreakerPool.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        health_check_interval=15,
        # Once more, for a connection that went stale; the library's own ten seconds of patience would hold requests.
        retry=Retry(NoBackoff(), 1),
    )
    return redis.Redis(connection_pool=pool)


def client() -> redis.Redis:
    """Return the shared client; commands wait at most twice REDIS_TIMEOUT_SECONDS."""
    return _client(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS)


def key(*parts: object) -> str:
    """Return a key of ours: the configured prefix and the parts joined by colons."""
    return settings.REDIS_PREFIX + ":".join(str(part) for part in parts)
