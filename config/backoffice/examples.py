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
