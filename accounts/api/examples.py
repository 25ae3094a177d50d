"""Examples of requests and answers for the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

_PAIR = {
    "access": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "refresh": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzaWQiOjF9.c2lnbmF0dXJl",
    "expires_in": 600,
}
_USER = {
    "id": 1,
    "email": "olivia@example.com",
    "email_verified": True,
    "email_verified_at": "2026-01-05T09:12:00Z",
    "full_name": "Olivia Owner",
    "role": "USER",
    "status": "ACTIVE",
    "time_zone": "Europe/Paris",
    "metadata": {"team": "payments"},
    "last_login_at": "2026-02-01T08:00:00Z",
    "created_at": "2026-01-05T09:10:00Z",
    "updated_at": "2026-01-05T09:12:00Z",
}
_SESSION = {
    "id": 7,
    "kind": "PORTAL",
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "authenticated_at": "2026-02-01T08:00:00Z",
    "last_used_at": "2026-02-01T09:30:00Z",
    "expires_at": "2026-02-15T08:00:00Z",
    "created_at": "2026-02-01T08:00:00Z",
    "is_current": True,
}


def _request(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def _answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def problem(description: str) -> OpenApiResponse:
    """Return the description of a problem answer that the operation has beyond the common ones."""
    return OpenApiResponse(
        response={"$ref": "#/components/schemas/Problem"}, description=description
    )


REGISTER = [
    _request(
        "Register",
        {
            "email": "olivia@example.com",
            "password": "correct horse battery staple",
            "full_name": "Olivia Owner",
        },
    ),
    _answer("Registered", {"detail": "Check your mail to confirm the address."}, 201),
]
VERIFY_EMAIL = [
    _request("Verify", {"token": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"}),
    _answer("Verified", {"detail": "The address is confirmed."}),
]
RESEND = [
    _request("Resend", {"email": "olivia@example.com"}),
    _answer(
        "Sent", {"detail": "If the address waits to be confirmed, a new link is on its way to it."}
    ),
]
LOGIN = [
    _request(
        "Sign in", {"email": "olivia@example.com", "password": "correct horse battery staple"}
    ),
    _answer("Signed in", {**_PAIR, "user": _USER}),
]
REFRESH = [_request("Refresh", {"refresh": _PAIR["refresh"]}), _answer("New pair", _PAIR)]
LOGOUT = [_request("Sign out", {"refresh": _PAIR["refresh"]})]
ME = [_answer("Me", _USER)]
UPDATE_ME = [_request("Move to Paris", {"time_zone": "Europe/Paris"}), *ME]
SESSIONS = [_answer("Device", _SESSION)]
