"""Bodies that the API's documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_KEY: dict[str, Any] = {
    "id": 42,
    "name": "Checkout service",
    "description": "",
    "environment": "live",
    "prefix": "tg_live_8Gh2",
    "last4": "x9Qe",
    "status": "active",
    "enabled": True,
    "scopes": ["orders:read", "orders:write"],
    "rate": {"limit": 20, "per_seconds": 1, "burst": 40},
    "quota": {"limit": 100_000, "period": "month"},
    "credits": None,
    "ip_allowlist": ["203.0.113.0/24"],
    "allowed_origins": ["https://app.example.com"],
    "metadata": {"team": "payments"},
    "external_id": "checkout",
    "created_by": 7,
    "created_at": "2026-03-02T09:30:00Z",
    "updated_at": "2026-03-02T09:30:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-03-02T10:12:45Z",
    "is_outdated": False,
}

KEY = OpenApiExample("A key", value=_KEY, response_only=True)
EXPANDED_KEY = OpenApiExample(
    "With `expand=created_by`",
    value={
        **_KEY,
        "expanded": {
            "created_by": {"id": 7, "email": "mia@example.com", "full_name": "Mia Member"}
        },
    },
    response_only=True,
)
KEY_WITH_SECRET = OpenApiExample(
    "A key and its secret",
    value={**_KEY, "last_used_at": None, "key": "tg_live_8Gh2…x9Qe"},
    response_only=True,
)
NEW_KEY = OpenApiExample(
    "A key with limits and restrictions",
    value={
        "name": "Checkout service",
        "environment": "live",
        "scopes": ["orders:read", "orders:write"],
        "rate": {"limit": 20, "per_seconds": 1, "burst": 40},
        "quota": {"limit": 100_000, "period": "month"},
        "ip_allowlist": ["203.0.113.0/24"],
        "allowed_origins": ["https://app.example.com"],
        "metadata": {"team": "payments"},
        "external_id": "checkout",
    },
    request_only=True,
)
CHANGES = OpenApiExample(
    "Disable the key and drop its own rate",
    value={"enabled": False, "rate": None},
    request_only=True,
)
ROTATION = OpenApiExample(
    "Keep the old secret for a day", value={"overlap_seconds": 86_400}, request_only=True
)
PRESENTED = OpenApiExample(
    "The presented key",
    value={
        **{name: _KEY[name] for name in ("id", "name", "environment", "prefix", "last4")},
        "organization": {"id": 3, "name": "Acme"},
        "plan": "PRO",
        "scopes": _KEY["scopes"],
        "rate": _KEY["rate"],
        "expires_at": None,
        "last_used_at": _KEY["last_used_at"],
    },
    response_only=True,
)
