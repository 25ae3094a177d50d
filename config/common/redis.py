"""The connection to Redis or Valkey for everything but the gate, which pipelines on its own."""

from functools import lru_cache

import redis
from django.conf import settings


@lru_cache(maxsize=4)
def _client(url: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(
        url, socket_timeout=1.0, socket_connect_timeout=1.0, health_check_interval=15
    )


def client() -> "redis.Redis[bytes]":
    """Return the shared client; commands wait at most one second."""
    return _client(settings.REDIS_URL)


def key(*parts: object) -> str:
    """Return a key of ours: the configured prefix and the parts joined by colons."""
    return settings.REDIS_PREFIX + ":".join(str(part) for part in parts)
