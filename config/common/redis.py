"""The connection to Redis or Valkey for everything but the gate, which pipelines on its own."""

import threading
import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

# Longer than one look whether Redis is back takes.
_LOOK_SECONDS = 5.0
_REST_SECONDS = 1.0


class RestingPool(redis.ConnectionPool):
    """Connections to a Redis that may be away: while it is, one caller a second finds out, and the others at once.

    A Redis that swallows what it is sent would cost every request seconds, several times over, until no thread is left.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._away_until = 0.0
        self._looking = threading.Lock()

    def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> Any:
        """Return a connection that works. Raises ConnectionError at once if there was none a moment ago."""
        self._require_hope()
        try:
            connection = super().get_connection()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            self._away_until = time.monotonic() + _REST_SECONDS
            raise
        self._away_until = 0.0
        return connection

    def _require_hope(self) -> None:
        with self._looking:
            now = time.monotonic()
            if now < self._away_until:
                raise redis.ConnectionError("Redis was away a moment ago.")
            if self._away_until:
                # Whoever comes meanwhile does not wait for the same answer.
                self._away_until = now + _LOOK_SECONDS


@lru_cache(maxsize=4)
def _client(url: str, timeout_seconds: float) -> redis.Redis:
    pool = RestingPool.from_url(
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
