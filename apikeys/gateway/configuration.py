"""Where the gate's configuration is read from the settings: the only module of the gate's core that knows Django."""

from typing import Any

from django.conf import settings

from apikeys.gateway.options import Configuration
from apikeys.restrictions import AddressList
from apikeys.secrets import parse_peppers
from config.common.middleware.security_headers import protecting


def from_settings() -> Configuration:
    """Read Django's settings."""
    return Configuration(
        redis_url=settings.REDIS_URL,
        redis_prefix=settings.REDIS_PREFIX,
        database=_connection_parameters(settings.DATABASES["default"]),
        peppers=parse_peppers(settings.KEY_PEPPERS),
        brand=settings.KEY_BRAND,
        public_url=settings.PUBLIC_URL,
        trusted_proxies=AddressList(settings.GATEWAY_TRUSTED_PROXIES),
        secret_key=settings.SECRET_KEY,
        signing_keys=tuple(settings.GATEWAY_SIGNING_KEYS),
        processes=settings.GATEWAY_PROCESSES,
        security_headers=tuple(protecting().items()),
    )


# What Django's PostgreSQL backend keeps for itself instead of handing it to the driver.
_DJANGO_OPTIONS = {"pool", "isolation_level", "assume_role", "server_side_binding"}
_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def _connection_parameters(database: dict[str, Any]) -> dict[str, Any]:
    """Turn Django's form of a database into psycopg's."""
    options = {
        name: value
        for name, value in database.get("OPTIONS", {}).items()
        if name not in _DJANGO_OPTIONS
    }
    named = {ours: database.get(theirs) for theirs, ours in _NAMES.items()}
    return {**options, **{name: value for name, value in named.items() if value}}
