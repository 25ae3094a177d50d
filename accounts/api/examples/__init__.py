"""Examples of requests and answers for the OpenAPI document, a module for each noun."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

PAIR = {
    "access": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "refresh": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzaWQiOjF9.c2lnbmF0dXJl",
    "expires_in": 600,
}
USER = {
    "id": 1,
    "email": "olivia@example.com",
    "email_verified": True,
    "email_verified_at": "2026-01-05T09:12:00Z",
    "full_name": "Olivia Owner",
    "role": "USER",
    "status": "ACTIVE",
    "time_zone": "Europe/Paris",
    "metadata": {"team": "payments"},
    "avatar_url": "https://tollgate.example.com/media/avatars/q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c.webp",
    "deletion_due_at": None,
    "last_login_at": "2026-02-01T08:00:00Z",
    "created_at": "2026-01-05T09:10:00Z",
    "updated_at": "2026-01-05T09:12:00Z",
}
SESSION = {
    "id": 7,
    "kind": "PORTAL",
    "method": "TOTP",
    "second_factor_at": "2026-02-01T08:00:00Z",
    "device_id": 3,
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "authenticated_at": "2026-02-01T08:00:00Z",
    "last_used_at": "2026-02-01T09:30:00Z",
    "expires_at": "2026-02-15T08:00:00Z",
    "created_at": "2026-02-01T08:00:00Z",
    "is_current": True,
}


def request(name: str, value: Any) -> OpenApiExample:
    """Return an example of a body that is sent."""
    return OpenApiExample(name, value=value, request_only=True)


def answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a body that comes back."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
