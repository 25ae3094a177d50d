"""The connection to Redis or Valkey for everything but the gate, which pipelines on its own."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        health_check_interval=15,
        # Once more, for a connection that went stale; the library's own ten seconds of patience would hold requests.
        retry=Retry(NoBackoff(), 1),
    )


def client() -> redis.Redis:
    """Return the shared client; commands wait at most two seconds."""
    return _client(settings.REDIS_URL)


def key(*parts: object) -> str:
    """Return a key of ours: the configured prefix and the parts joined by colons."""
    return settings.REDIS_PREFIX + ":".join(str(part) for part in parts)
