"""Examples of the staff API of the house."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_AUDIENCE = {"organization_roles": ["OWNER"], "plans": ["PRO", "ENTERPRISE"]}
_WORDS = {
    "title": "Maintenance on Sunday",
    "body": "The portal is away from 02:00 to 02:30 UTC.\n\nCalls through the gate go on.",
    "link": "",
    "by_mail": True,
    "in_app": True,
}
_BROADCAST = {
    "id": 4,
    **_WORDS,
    "audience": _AUDIENCE,
    "status": "SENDING",
    "percent": 40,
    "people_total": 250,
    "people_done": 100,
    "mails_done": 97,
    "created_by_id": 1,
    "started_at": "2026-02-01T08:00:00Z",
    "finished_at": None,
    "created_at": "2026-02-01T08:00:00Z",
}
_QUEUED = {**_BROADCAST, "percent": 0, "people_done": 0, "mails_done": 0}
_REACH = {
    "people": 250,
    "by_mail": 244,
    "description": "role in an organization: Owner; plan of an organization: Pro or Enterprise",
}


def _request(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def _answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


BROADCASTS = [_answer("Under way", _BROADCAST)]
SEND = [
    _request("To owners who pay", {**_WORDS, "audience": _AUDIENCE}),
    _answer("Under way", _QUEUED, 202),
]
PREVIEW = [_request("Owners who pay", {"audience": _AUDIENCE}), _answer("So many", _REACH)]
TEST = [_request("To myself", _WORDS), _answer("Sent", {"detail": "Sent to you."}, 202)]
CANCEL = [
    _answer("Stopped", {**_BROADCAST, "status": "CANCELED", "finished_at": "2026-02-01T08:00:30Z"})
]

_AT = "2026-02-01T08:00:00Z"
DASHBOARD = [
    _answer(
        "A morning",
        {
            "at": _AT,
            "people": {
                "active": 431,
                "suspended": 2,
                "registered_lately": 58,
                "signed_in_lately": 207,
            },
            "organizations": {"active": 322, "suspended": 1, "created_lately": 44},
            "subscriptions": [{"plan": "FREE", "active": 290}, {"plan": "PRO", "active": 32}],
            "usable_keys": 611,
            "calls_last_day": 1284003,
        },
    )
]
METRICS = [
    _answer(
        "All is well",
        {
            "at": _AT,
            "usage_stream": {"length": 12, "lag_seconds": 0.4},
            "mails": {"waiting": 0, "failed": 1},
            "webhooks": {
                "to_fan_out": 0,
                "due": 3,
                "pending": 9,
                "oldest_due_seconds": 0.8,
                "open_circuits": 1,
                "failing": 1,
            },
            "exports_open": 0,
            "broadcasts_sending": 0,
            "security_events": [{"name": "authn_login_fail", "severity": "INFO", "count": 7}],
        },
    )
]
