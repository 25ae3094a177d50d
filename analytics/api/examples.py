"""Answers that the API's documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_HOURS: dict[str, Any] = {
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-03-02T11:00:00Z",
    "granularity": "hour",
    "time_zone": "UTC",
    "data": [
        {"bucket": "2026-03-02T09:00:00Z", "calls": 1200, "errors": 12, "latency_p95": 84},
        {"bucket": "2026-03-02T10:00:00Z", "calls": 1630, "errors": 9, "latency_p95": 79},
    ],
    "totals": {"calls": 2830, "errors": 21, "latency_p95": 81},
}
_KEYS: dict[str, Any] = {
    **_HOURS,
    "data": [
        {"bucket": "2026-03-02T09:00:00Z", "key_id": 42, "calls": 1000},
        {"bucket": "2026-03-02T09:00:00Z", "key_id": 43, "calls": 200},
        {"bucket": "2026-03-02T10:00:00Z", "key_id": 42, "calls": 1630},
    ],
    "totals": {"calls": 2830},
}
_ACTIVITY: dict[str, Any] = {
    "first_used_at": "2026-01-31T08:15:02.100Z",
    "last_used_at": "2026-03-02T10:12:45.230Z",
    "last_ip": "203.0.113.7",
    "last_user_agent": "curl/8.5.0",
}
_SECONDS = [
    {"at": "2026-03-02T10:12:44Z", "calls": 21, "refused": 1, "units": 20},
    {"at": "2026-03-02T10:12:45Z", "calls": 19, "refused": 0, "units": 19},
]

BY_HOUR = OpenApiExample("By the hour", value=_HOURS, response_only=True)
BY_KEY = OpenApiExample("By key", value=_KEYS, response_only=True)
OF_KEY = OpenApiExample(
    "Of one key", value={**_HOURS, "key_id": 42, "activity": _ACTIVITY}, response_only=True
)
REAL_TIME = OpenApiExample(
    "The last minute (shortened)",
    value={
        "window_seconds": 60,
        "calls": 1204,
        "refused": 7,
        "units": 1197,
        "per_second": _SECONDS,
    },
    response_only=True,
)
