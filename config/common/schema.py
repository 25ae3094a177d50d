"""OpenAPI: one readable operation id per operation, problem responses and security on each."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema

from config.common import deprecation

PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "examples": ["#/ip_allowlist/2"]},
                    "location": {"enum": ["body", "query", "header", "path"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "fix": {"type": "string"},
                },
            },
        },
    },
}
_ANYONE = {
    "400": "The request is not valid.",
    "429": "Too many requests.",
    "503": "Try again later.",
}
_SIGNED_IN = {"401": "Authentication is needed.", "403": "Not permitted.", "404": "Not found."}
_VERSION_PREFIX = re.compile(r"^/api/v\d+/")


class TollgateSchema(AutoSchema):
    """Adds to every operation the problems it can answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with its problem responses."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            problems = _ANYONE | (_SIGNED_IN if any(operation.get("security", ())) else {})
            for status, description in problems.items():
                operation["responses"].setdefault(status, _problem(description))
        return operation

    def is_deprecated(self) -> bool:
        """Whether the operation itself is announced to go."""
        announced = deprecation.concerning(getattr(self.view, "deprecations", ()), self.method)
        return super().is_deprecated() or any(not one.member for one in announced)  # type: ignore[no-untyped-call]

    def get_tags(self) -> list[str]:
        """Group operations by the first part of their path: `auth`, `api-keys`, `analytics` …"""
        return [_VERSION_PREFIX.sub("", self.path).split("/")[0]]


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def add_problem_schema(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing hook: declare the Problem component once."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    return result
