"""Bodies that the API's documentation shows, and problems that an operation may answer with besides the usual ones."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from config.common.problem_answers import conflict

NO_ROOM = conflict("`webhook_limit_reached`: the plan allows no further webhook.")
BY_STAFF = conflict("`webhook_disabled_by_staff`: only staff can enable the webhook.")
SWITCHED_OFF = conflict(
    "`webhook_disabled`: enable the webhook first; `delivery_on_its_way`: wait for the result."
)
NO_CONSUMER = conflict("`too_many_consumers`: the organization has as many as it may have.")
NO_RUN = conflict(
    "`conformance_running`: one is under way; `conformance_unavailable`: there is nothing to probe."
)

_WEBHOOK: dict[str, Any] = {
    "id": 12,
    "url": "https://hooks.example.com/tollgate",
    "description": "Bookkeeping",
    "kind": "standard",
    "signature": "symmetric",
    "event_types": ["subscription.*", "api_key.revoked"],
    "filters": [{"path": "data.organization_id", "operator": "equals", "value": 7}],
    "ordering_path": "data.key_id",
    "concurrency": 5,
    "header_names": ["X-Token"],
    "status": "enabled",
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "failures_in_a_row": 0,
    "circuit_open_until": None,
    "last_success_at": "2026-03-02T10:12:45Z",
    "last_failure_at": None,
    "created_by": 7,
    "created_at": "2026-03-02T09:30:00Z",
    "updated_at": "2026-03-02T09:30:00Z",
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  (the example of the standard itself)
_DELIVERY: dict[str, Any] = {
    "id": 5121,
    "webhook_id": 12,
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "event_type": "api_key.revoked",
    "is_test": False,
    "occurred_at": "2026-03-02T10:12:44Z",
    "ordering_key": "",
    "status": "PENDING",
    "trigger": "retry",
    "attempts": 1,
    "last_attempt_at": "2026-03-02T10:12:44Z",
    "last_outcome": "refused",
    "last_status_code": 503,
    "next_attempt_at": "2026-03-02T10:12:49Z",
    "completed_at": None,
    "created_at": "2026-03-02T10:12:44Z",
}
_QUEUED = {
    **_DELIVERY,
    "trigger": "test",
    "attempts": 0,
    "last_attempt_at": None,
    "last_outcome": None,
    "last_status_code": None,
    "next_attempt_at": "2026-03-02T10:12:44Z",
}
_ATTEMPT = {
    "number": 1,
    "trigger": "event",
    "at": "2026-03-02T10:12:44Z",
    "duration_ms": 87,
    "outcome": "refused",
    "error": "",
    "request": {
        "url": "https://hooks.example.com/tollgate",
        "headers": {
            "Content-Type": "application/json",
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1772446364",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "X-Token": "•••",
        },
    },
    "response": {
        "status_code": 503,
        "headers": {"Retry-After": "30"},
        "body": "maintenance",
        "address": "192.0.2.10",
    },
}
_BODY = {
    "type": "api_key.revoked",
    "timestamp": "2026-03-02T10:12:44Z",
    "data": {"organization_id": 7, "key_id": 42},
}
_PERIOD = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}

WEBHOOK = OpenApiExample("A webhook", value=_WEBHOOK, response_only=True)
DISABLED = OpenApiExample(
    "A disabled webhook",
    value={
        **_WEBHOOK,
        "status": "disabled",
        "enabled": False,
        "disabled_at": "2026-03-03T08:00:00Z",
        "disabled_reason": "customer",
    },
    response_only=True,
)
WEBHOOK_WITH_SECRET = OpenApiExample(
    "A webhook and its secret",
    value={**_WEBHOOK, "last_success_at": None, "secret": _SECRET},
    response_only=True,
)
NEW_WEBHOOK = OpenApiExample(
    "A webhook for some events, in order",
    value={
        "url": "https://hooks.example.com/tollgate",
        "description": "Bookkeeping",
        "event_types": ["subscription.*", "api_key.revoked"],
        "headers": {"X-Token": "a secret of yours"},
        "ordering_path": "data.key_id",
    },
    request_only=True,
)
CHANGES = OpenApiExample("Subscribe to everything", value={"event_types": ["*"]}, request_only=True)
ROTATION = OpenApiExample(
    "Let the former secret sign for an hour", value={"overlap_seconds": 3_600}, request_only=True
)
SECRET = OpenApiExample(
    "The new secret",
    value={"secret": _SECRET, "previous_expires_at": "2026-03-02T10:30:00Z"},
    response_only=True,
)
TEST_EVENT = OpenApiExample(
    "A certain event", value={"event_type": "api_key.revoked"}, request_only=True
)
QUEUED = OpenApiExample(
    "The delivery, before its attempt", value=_QUEUED, response_only=True, status_codes=["202"]
)
DELIVERY = OpenApiExample("A delivery", value=_DELIVERY, response_only=True)
EXPANDED_DELIVERY = OpenApiExample(
    "With `expand=message`",
    value={
        **_DELIVERY,
        "expanded": {
            "message": {
                "position": 4711,
                "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "type": "api_key.revoked",
                "timestamp": "2026-03-02T10:12:44Z",
                "data": {"api_key_id": 42, "organization_id": 3},
            }
        },
    },
    response_only=True,
)
DELIVERY_DETAIL = OpenApiExample(
    "A delivery with its attempts",
    value={**_DELIVERY, "body": _BODY, "log": [_ATTEMPT]},
    response_only=True,
)
PERIOD = OpenApiExample("The first of March", value=_PERIOD, request_only=True)
REQUEUED = OpenApiExample("How many", value={"count": 17}, response_only=True, status_codes=["202"])
STATS = OpenApiExample(
    "The last two hours",
    value={
        "since": "2026-03-02T08:30:00Z",
        "attempts": 40,
        "succeeded": 39,
        "failed": 1,
        "success_rate": 0.975,
        "average_ms": 61.4,
        "median_ms": 48.0,
        "p95_ms": 140.0,
        "pending": 1,
        "by_outcome": {"succeeded": 39, "refused": 1},
        "series": [
            {"at": "2026-03-02T08:30:00Z", "succeeded": 21, "failed": 0},
            {"at": "2026-03-02T09:30:00Z", "succeeded": 18, "failed": 1},
        ],
    },
    response_only=True,
)
WHY = OpenApiExample(
    "The type was not subscribed to",
    value={
        "code": "event_type",
        "detail": "The webhook did not subscribe to this type.",
        "fix": "Add the type, then replay what is missing.",
        "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "event_type": "api_key.revoked",
        "occurred_at": "2026-03-02T10:12:44Z",
        "delivery_id": None,
    },
    response_only=True,
)
EVENT_TYPES = OpenApiExample(
    "The catalogue, cut short",
    value={
        "data": [
            {
                "name": "webhook.enabled",
                "description": "An endpoint is told of events again.",
                "json_schema": {"type": "object"},
                "example": {
                    "type": "webhook.enabled",
                    "timestamp": "2026-01-05T09:12:31Z",
                    "data": {"organization_id": 7, "webhook_id": 42},
                },
            }
        ]
    },
    response_only=True,
)
FEED = OpenApiExample(
    "One message",
    value={
        "data": [{"position": 90_210, "id": "msg_p5jXN8AQM9LWM0D4loKWxJek", **_BODY}],
        "position": 90_210,
        "has_more": False,
    },
    response_only=True,
)
ACKNOWLEDGED = OpenApiExample(
    "Up to here", value={"consumer": "bookkeeping", "position": 90_210}, request_only=True
)
POSITION = OpenApiExample(
    "Where the consumer is",
    value={
        "consumer": "bookkeeping",
        "position": 90_210,
        "acknowledged_at": "2026-03-02T10:12:50Z",
    },
    response_only=True,
)
_RUN: dict[str, Any] = {
    "id": 31,
    "webhook_id": 12,
    "url": "https://hooks.example.com/tollgate",
    "status": "FINISHED",
    "probes_total": 15,
    "probes_done": 15,
    "score": 90,
    "grade": "C",
    "results": [
        {
            "code": "old",
            "title": "A right signature of an hour ago",
            "verdict": "failed",
            "detail": "Your server answered 204: it took a request that it must refuse.",
            "fix": "Refuse a webhook-timestamp that is more than five minutes old.",
            "status_code": 204,
            "duration_ms": 41,
        }
    ],
    "created_at": "2026-03-02T10:12:40Z",
    "started_at": "2026-03-02T10:12:41Z",
    "completed_at": "2026-03-02T10:12:43Z",
}
RUN = OpenApiExample("A finished run, cut short", value=_RUN, response_only=True)
QUEUED_RUN = OpenApiExample(
    "A run that waits",
    value={
        **_RUN,
        "status": "QUEUED",
        "probes_done": 0,
        "score": None,
        "grade": None,
        "results": [],
        "started_at": None,
        "completed_at": None,
    },
    response_only=True,
    status_codes=["202"],
)
