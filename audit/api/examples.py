"""Bodies that the API's documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_DENIED: dict[str, Any] = {
    "id": 5120,
    "name": "authz_fail",
    "title": "Permission denied",
    "severity": "WARNING",
    "concerns": "organization",
    "user_id": 8,
    "count": 3,
    "ip": "203.0.113.7",
    "user_agent": "curl/8.9.1",
    "request_id": "4f0c6d2a9b1e4c7f8a3d5e6b7c8d9e0f",
    "details": {"permission": "members:write"},
    "created_at": "2026-02-01T08:00:00Z",
    "last_seen_at": "2026-02-01T08:00:41Z",
    "acknowledged_at": None,
    "acknowledged_by_id": None,
    "acknowledged_note": "",
}
_LOOKED_AT = {
    "acknowledged_at": "2026-02-01T09:30:00Z",
    "acknowledged_by_id": 1,
    "acknowledged_note": "Mia tried the team page; she has been told.",
}
_FAILED: dict[str, Any] = {
    **_DENIED,
    "id": 5121,
    "name": "authn_login_fail",
    "title": "Sign-in failed",
    "severity": "INFO",
    "concerns": "you",
    "count": 1,
    "details": {},
    "last_seen_at": "2026-02-01T08:00:00Z",
}

_ENTRY: dict[str, Any] = {
    "id": 90210,
    "occurred_at": "2026-02-01T08:00:00Z",
    "action": "api_key.updated",
    "summary": "API key Checkout changed",
    "actor": {"type": "user", "id": 8, "label": "mia@example.com"},
    "target": {"type": "api_key", "id": 42},
    "old_values": {"name": "Checkout", "enabled": True},
    "new_values": {"name": "Checkout (old)", "enabled": False},
    "details": {"organization_id": 3, "api_key_id": 42, "key_name": "Checkout (old)"},
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "request_id": "4f0c6d2a9b1e4c7f8a3d5e6b7c8d9e0f",
}

ENTRY = OpenApiExample("A key was changed", value=_ENTRY, response_only=True)
EXPANDED_ENTRY = OpenApiExample(
    "With `expand=actor`",
    value={
        **_ENTRY,
        "expanded": {"actor": {"id": 8, "email": "mia@example.com", "full_name": "Mia Member"}},
    },
    response_only=True,
)
EVENT = OpenApiExample("A refused permission", value=_DENIED, response_only=True)
ACKNOWLEDGED = OpenApiExample(
    "An event that was looked at", value={**_DENIED, **_LOOKED_AT}, response_only=True
)
NOTE = OpenApiExample(
    "With a note",
    value={"note": "Mia tried the team page; she has been told."},
    request_only=True,
)
MINE = OpenApiExample("A failed sign-in", value=_FAILED, response_only=True)
