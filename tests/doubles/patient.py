"""More patience with Valkey and PostgreSQL than the product has: a server that stands still with its machine is not away.

The gate gives up Valkey after a quarter of a second and PostgreSQL after one. On a machine that stands still for two,
calls are then decided without them, and tests of anything else would fail.
"""

from typing import Any

from apikeys.gateway import link, store, wire
from config.common import patient_connection

SECONDS = 30.0
# The product's own, for tests of it.
REDIS_SECONDS: float = link.TIMEOUT_SECONDS


def with_redis(settings: Any) -> None:
    """Let this process, which has or will have these settings, wait for Valkey."""
    _set(link, TIMEOUT_SECONDS=SECONDS)
    _set(wire, TIMEOUT_SECONDS=SECONDS)
    _set(settings, REDIS_TIMEOUT_SECONDS=SECONDS)
    settings.CACHES["default"]["OPTIONS"] |= {
        "SOCKET_CONNECT_TIMEOUT": SECONDS,
        "SOCKET_TIMEOUT": SECONDS,
    }


def with_postgres(settings: Any) -> None:
    """Let this process wait for PostgreSQL."""
    _set(store, _CALL_SECONDS=SECONDS, _WATCH_SECONDS=SECONDS, _OPEN_SECONDS=SECONDS)
    _set(patient_connection, CHECK_SECONDS=SECONDS)
    options = settings.DATABASES["default"]["OPTIONS"]
    options["connect_timeout"] = int(SECONDS)
    if "pool" in options:
        options["pool"] = {**options["pool"], "timeout": SECONDS}


def _set(module: Any, **values: Any) -> None:
    # These names are final for the product.
    for name, value in values.items():
        setattr(module, name, value)
