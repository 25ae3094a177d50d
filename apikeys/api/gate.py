"""What the gate answers in front of Django, described for the OpenAPI document."""

from copy import deepcopy
from typing import Any

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_NULLABLE_TEXT = {"type": ["string", "null"]}

_VERIFICATION = {
    "type": "object",
    "required": ["key"],
    "additionalProperties": False,
    "properties": {
        "key": {"type": "string", "description": "The key as it was presented.", "maxLength": 200},
        "scopes": {
            **_NULLABLE_TEXT,
            "description": "What the call needs: scopes joined by AND, OR and parentheses.",
            "maxLength": 1000,
        },
        "cost": {
            "type": ["integer", "null"],
            "description": "Units to count; the route's own cost when left out, 0 to ask only.",
            "minimum": 0,
            "maximum": 1_000_000_000,
        },
        "tags": {
            "anyOf": [
                {"type": "array", "items": {"type": "string", "maxLength": 128}, "maxItems": 20},
                {"type": "null"},
            ],
            "description": "Kept with the call for analytics.",
        },
        "resource": {**_NULLABLE_TEXT, "description": "Narrows scopes to `scope:resource`."},
        "ip": {**_NULLABLE_TEXT, "description": "The caller's address, for allow-lists."},
        "origin": {**_NULLABLE_TEXT, "description": "The caller's Origin, for allowed origins."},
        "api": {**_NULLABLE_TEXT, "description": "Slug of the API whose route rules apply."},
        "method": {**_NULLABLE_TEXT, "description": "The call's method, to find its route rule."},
        "path": {**_NULLABLE_TEXT, "description": "The call's path, to find its route rule."},
    },
}
_LIMIT = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "limit": {"type": "integer"},
        "window_seconds": {"type": "integer"},
        "remaining": {"type": "integer"},
        "reset_seconds": {"type": "integer"},
    },
}
_VERDICT = {
    "type": "object",
    "required": ["valid", "code", "limits", "request_id"],
    "properties": {
        "valid": {"type": "boolean"},
        "code": {
            "type": "string",
            "description": "VALID, or the first check that failed.",
            "enum": [
                *("VALID", "NOT_FOUND", "REVOKED", "DISABLED", "EXPIRED", "SUSPENDED"),
                *("FORBIDDEN_IP", "FORBIDDEN_ORIGIN", "ROUTE_DENIED", "INSUFFICIENT_SCOPE"),
                *("RATE_LIMITED", "QUOTA_EXCEEDED", "INSUFFICIENT_CREDITS"),
            ],
        },
        "detail": {"type": "string"},
        "key_id": {"type": ["integer", "null"]},
        "organization_id": {"type": ["integer", "null"]},
        "name": _NULLABLE_TEXT,
        "environment": _NULLABLE_TEXT,
        "external_id": _NULLABLE_TEXT,
        "metadata": {"type": ["object", "null"]},
        "scopes": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "plan": _NULLABLE_TEXT,
        "violated_policies": {"type": "array", "items": {"type": "string"}},
        "retry_after_seconds": {"type": ["integer", "null"]},
        "limits": {"type": "array", "items": _LIMIT},
        "credits": {"type": ["object", "null"]},
        "request_id": {"type": "string"},
    },
}
_EXAMPLE = {
    "valid": True,
    "code": "VALID",
    "key_id": 7,
    "organization_id": 3,
    "name": "Production",
    "environment": "live",
    "external_id": None,
    "metadata": {},
    "scopes": ["forecast:read"],
    "expires_at": None,
    "plan": "PRO",
    "limits": [
        {"name": "burst", "limit": 20, "window_seconds": 1, "remaining": 19, "reset_seconds": 1}
    ],
    "credits": None,
    "request_id": "5f0c6d0b8e5a4f3c9a7f0d2e1b3c4d5e",
}
_VERIFY = {
    "operationId": "keys_verify",
    "summary": "Verify a key",
    "description": (
        "A seller's backend asks whether a call with the presented key may pass, and has it counted. Every verdict "
        "about the key is a 200; other statuses concern the question itself. Answered by the gate."
    ),
    "tags": ["keys"],
    "security": [{"serviceKey": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/KeyVerification"},
                "example": {"key": "tg_live_…", "scopes": "forecast:read AND (a OR b)", "cost": 1},
            }
        },
    },
    "responses": {
        "200": {
            "description": "The verdict.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/KeyVerdict"},
                    "example": _EXAMPLE,
                }
            },
        },
        **{
            status: {"description": description, "content": _PROBLEM}
            for status, description in (
                ("400", "The verification is not valid."),
                ("401", "The service key is missing or not accepted."),
                ("403", "The service key lacks the scope `keys:verify`."),
                ("413", "The body is larger than 16 kB."),
                ("415", "The body is not JSON."),
                ("503", "The key cannot be looked up, or credits cannot be counted, right now."),
            )
        },
    },
}


def add_gate(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing hook: add what the gate answers before Django sees it."""
    result["paths"]["/api/v1/keys/verify"] = {"post": deepcopy(_VERIFY)}
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(
        {"KeyVerification": _VERIFICATION, "KeyVerdict": _VERDICT}
    )
    components.setdefault("securitySchemes", {})["serviceKey"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "A service key (`tgs_…`), made by `manage.py create_service_key`.",
    }
    return result
