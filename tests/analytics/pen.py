"""A pen for usage events, and what log and roll-ups hold."""

import secrets
from typing import Any

import orjson
from django.conf import settings

from analytics import models
from analytics.metering import stream
from config.common import redis
from organizations.models import Organization
from tests.factories.apikeys import ApiKeyFactory

ROLLUPS = (
    models.HourlyUsage,
    models.HourlyKeyUsage,
    models.DailyRouteUsage,
    models.DailyUsage,
)


def request_id() -> str:
    """Return a fresh request id."""
    return secrets.token_hex(16)


def new_key(organization: Organization, **settings: Any) -> Any:
    """Make a key."""
    return ApiKeyFactory(organization=organization, **settings)


def event(key: Any = None, **changes) -> list:
    """Return one usage event as the gate writes it."""
    fields = {
        "request_id": request_id(),
        "organization_id": key.organization_id if key else 1,
        "key_id": key.pk if key else 1,
        "api_id": 0,
        "rule_id": 0,
        "method": "GET",
        "path": "/v1/things/7",
        "outcome": "VALID",
        "units": 1,
        "address": "192.0.2.7",
        "user_agent": "curl/8.1",
        "tags": None,
        "environment": "live",
        "at_ms": 0,
    }
    return list((fields | changes).values())


def write(*events: list | bytes, stream_ids: list[str] | None = None) -> list[bytes | str]:
    """Append events to the stream; return their stream ids."""
    return [
        redis.client().xadd(
            f"{settings.REDIS_PREFIX}usage",
            {"e": each if isinstance(each, bytes) else orjson.dumps(each)},
            id=stream_ids[place] if stream_ids else "*",
        )
        for place, each in enumerate(events)
    ]


def waiting() -> int:
    """Return how many events the stream holds."""
    return redis.client().xlen(f"{settings.REDIS_PREFIX}usage")


def snapshot() -> dict[str, list]:
    """Return log and roll-ups as plain rows, to compare before and after."""
    tables = {table.__name__: list(table.objects.order_by("pk").values()) for table in ROLLUPS}
    calls = models.ApiUsageLog.objects.order_by("request_id").values()
    return {**tables, "ApiUsageLog": list(calls)}


def restore(entries: list[stream.Entry]) -> None:
    """Put the stream into the state of a Valkey that restarted with these entries."""
    redis.client().delete(redis.key("usage"))
    for entry in entries:
        write(entry.payload or b"", stream_ids=[entry.id])
