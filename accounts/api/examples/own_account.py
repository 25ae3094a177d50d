"""Examples of what a person may do with their account."""

from accounts.api.examples import USER, answer, request

_TOKEN = {"token": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"}
_PENDING = {
    "new_email": "olivia@elsewhere.example",
    "old_confirmed_at": "2026-02-01T08:05:00Z",
    "new_confirmed_at": None,
    "expires_at": "2026-02-02T08:00:00Z",
}
_EXPORT = {
    "id": 12,
    "status": "READY",
    "progress": 100,
    "size_bytes": 48213,
    "expires_at": "2026-02-08T08:00:00Z",
    "created_at": "2026-02-01T08:00:00Z",
}
_QUEUED = {**_EXPORT, "status": "QUEUED", "progress": 0, "size_bytes": 0, "expires_at": None}
_PASSWORD = "correct horse battery staple"  # noqa: S105  what the documentation shows

AVATAR = [answer("With a picture", USER)]
ADDRESS = [answer("A change under way", {"email": USER["email"], "pending": _PENDING})]
CHANGE_EMAIL = [
    request("Move", {"email": _PENDING["new_email"], "password": _PASSWORD}),
    answer("Both were asked", {"detail": "We have written to both addresses."}, 202),
]
CONFIRM_EMAIL = [request("Agree", _TOKEN), answer("Moved", {"is_complete": True})]
CANCEL_EMAIL = [request("Refuse", _TOKEN)]
EXPORT = [answer("Asked for", _QUEUED, 202)]
EXPORTS = [answer("Ready", _EXPORT)]
DELETE = [
    request("Delete my account", {"password": _PASSWORD}),
    answer("In two weeks", {"deletion_due_at": "2026-02-15T08:00:00Z"}, 202),
]
