"""OpenAPI: one readable operation id per operation, problem responses and security on each."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from config.common import (
    conditional,
    conventions,
    deprecation,
    errors,
    expansion,
    idempotency,
    problems,
    shared_descriptions,
)
from config.common.event_schemas import EventType, public_event_types

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
# Kept with an operation until the document is complete.
_FURTHER = "x-further-problems"
_VERSION_PREFIX = re.compile(r"^/api/v\d+/")


class TollgateSchema(AutoSchema):
    """Adds to every operation the headers it reads and the problems it can answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with its conventions."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        is_list = _is_list(operation)
        headers, found = conventions.request_headers(self.view, self.method, is_list=is_list)
        conventional = conventions.query_parameters(
            self.view, self.method, is_list=_is_page(operation)
        )
        given = [*operation.get("parameters", ()), *conventional]
        parameters = [conventions.described(one) for one in given]
        if parameters or headers:
            operation["parameters"] = [*parameters, *headers]
        is_signed_in = any(operation.get("security", ()))
        found = {
            **conventions.common_problems(is_signed_in=is_signed_in),
            **conventions.body_problems(operation),
            **found,
        }
        for status, error in found.items():
            operation["responses"].setdefault(status, _problem(error))
        operation[_FURTHER] = conventions.further_problems(self.view, operation, self.method)
        for status, response in operation["responses"].items():
            told = conventions.response_headers(self.view, self.method, status, is_list=is_list)
            response.setdefault("headers", {}).update(told)
        return operation

    def is_deprecated(self) -> bool:
        """Whether the operation itself is announced to go."""
        announced = deprecation.concerning(getattr(self.view, "deprecations", ()), self.method)
        return super().is_deprecated() or any(not one.member for one in announced)

    def get_tags(self) -> list[str]:
        """Group operations by the first part of their path: `auth`, `api-keys`, `analytics` …"""
        return [_VERSION_PREFIX.sub("", self.path).split("/")[0]]


class ExpandedExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes the member that holds what `expand` asked for."""

    target_class = expansion.Expanded

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        """Return an object with one member for each relation, each of which may be null."""
        properties = {
            name: {
                "oneOf": [
                    auto_schema.resolve_serializer(relation.shape, direction).ref,
                    {"type": "null"},
                ]
            }
            for name, relation in self.target.relations.items()
        }
        return {
            "type": "object",
            "description": "What `expand` asked for; not there unless it did.",
            "properties": properties,
        }


def _is_page(operation: dict[str, Any]) -> bool:
    names = {one["name"] for one in operation.get("parameters", ())}
    return {"cursor", "limit"} <= names


def _is_list(operation: dict[str, Any]) -> bool:
    """Whether the answer is a page of rows, or a file: what has no entity tag."""
    content = operation["responses"].get("200", {}).get("content", {})
    return _is_page(operation) or "application/json" not in content


def _problem(error: type[errors.DomainError]) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    description = (error.__doc__ or error.title).strip().splitlines()[0]
    if error.status == 304:
        return {"description": description}
    content = {"schema": schema, "example": problems.example_of(error)}
    return {"description": description, "content": {problems.CONTENT_TYPE: content}}


def _declared(operation: dict[str, Any]) -> list[type[errors.DomainError]]:
    """Return the errors whose classes say that the operation answers with them."""
    return [
        error for error in errors.error_classes() if operation["operationId"] in error.answered_by
    ]


def _exemplify(
    status: str, response: dict[str, Any], further: list[type[errors.DomainError]]
) -> None:
    """Give a problem that a view describes by its status an example.

    It is of the error that its text names if it does, else of one that is known to come besides, else of the usual one.
    """
    content = response.get("content", {})
    if any("example" in media or "examples" in media for media in content.values()):
        return
    named = re.findall(r"`([a-z0-9_]+)`", response.get("description", ""))
    known = [*(error for code in named if (error := errors.error_class(code))), *further]
    fitting = [error for error in known if str(error.status) == status]
    example = problems.example_of(fitting[0] if fitting else _BY_STATUS[int(status)])
    # Anew: one description may serve several statuses.
    response["content"] = {kind: {**media, "example": example} for kind, media in content.items()}


def _add(operation: dict[str, Any], error: type[errors.DomainError]) -> None:
    """Add an error to the examples of its status, with what it means to the description."""
    responses, status = operation["responses"], str(error.status)
    if status not in responses:
        usual = next(iter(responses.values())).get("headers", {})
        responses[status] = {**_problem(error), "headers": dict(usual)}
        return
    media = responses[status]["content"][problems.CONTENT_TYPE]
    if "example" in media:
        first = media.pop("example")
        media["examples"] = {first["code"]: {"summary": first["title"], "value": first}}
    example = {"summary": error.title, "value": problems.example_of(error)}
    media["examples"].setdefault(error.code, example)


_BY_STATUS: dict[int, type[errors.DomainError]] = {
    error.status: error
    for error in (
        idempotency.IdempotencyKeyReused,
        conditional.PreconditionFailed,
        errors.InvalidInput,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.UnsupportedMediaType,
        errors.TooManyRequests,
        errors.ServiceUnavailable,
    )
}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing hook, the last one: the Problem component, examples of every problem, tags, webhooks."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["headers"] = conventions.TOLD_HEADERS
    described = [one for methods in result["paths"].values() for one in methods.values()]
    for operation in described:
        further = [*operation.pop(_FURTHER, []), *_declared(operation)]
        for status, response in operation["responses"].items():
            if status >= "400":
                _exemplify(status, response, further)
        for error in further:
            _add(operation, error)
    events = public_event_types().values()
    components["schemas"].update({_body_name(event): _body(event) for event in events})
    result["webhooks"] = {event.name: _webhook(event) for event in events}
    told = [one for methods in result["webhooks"].values() for one in methods.values()]
    tags = {tag for operation in [*described, *told] for tag in operation["tags"]}
    result["tags"] = [
        {"name": tag, "description": _TAGS.get(tag, tag)}
        for tag in (*_TAGS, *sorted(tags - _TAGS.keys()))
        if tag in tags
    ]
    shared_descriptions.share(result)
    return result


# In the order in which a customer meets them; what is staff's alone comes last.
_TAGS = {
    "auth": "Registration, sign-in, second factors, step-up.",
    "users": "The account of the person who asks.",
    "organizations": "Organizations, their members, invitations, roles, grants and policies.",
    "invitations": "Invitations that wait for the person who asks.",
    "permissions": "What can be permitted, and what each role permits.",
    "api-keys": "Credentials of an organization, their limits and rotation.",
    "whoami": "The presented key itself.",
    "keys": "Verification of presented keys, for backends.",
    "analytics": "What was used, when, by which key.",
    "webhooks": "Endpoints, deliveries and the types of events.",
    "events": "What is posted to the webhooks of an organization.",
    "audit-log": "Who changed what in an organization, page by page or as a file.",
    "audit": "What concerns the security of an organization.",
    "admin": "For the staff of the platform: people, broadcasts, figures.",
}


def _typed(python: str) -> dict[str, str]:
    """Say what a parameter of a webhook is in Python: openapi-generator works it out for those of paths alone, and
    writes calls of webhooks that do not compile."""
    return {"x-py-typing": python}


_SIGNED = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
        **_typed("StrictStr"),
    }
    for name, description, example in (
        ("webhook-id", "The same on every attempt.", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "Unix seconds of the attempt.", "1767604351"),
        (
            "webhook-signature",
            "Standard Webhooks 1.0: one or more signatures, separated by spaces.",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    )
]


def _for_generators(schema: Any) -> Any:
    """Say of objects that may be null what client generators need to be told: that they hold anything."""
    if isinstance(schema, dict):
        if schema.get("type") == ["object", "null"]:
            return {**schema, "additionalProperties": {}}
        return {name: _for_generators(value) for name, value in schema.items()}
    return [_for_generators(one) for one in schema] if isinstance(schema, list) else schema


def _body_name(event: EventType) -> str:
    return "".join(word.capitalize() for word in re.split(r"[._]", event.name)) + "Event"


def _body(event: EventType) -> dict[str, Any]:
    """Return the schema of a body, as components have it: without a dialect, under a name instead of a title."""
    left_out = {"$schema", "title"}
    told: dict[str, Any] = _for_generators(
        {name: value for name, value in event.schema.items() if name not in left_out}
    )
    return told


def _webhook(event: EventType) -> dict[str, Any]:
    """Describe what is posted to a customer's endpoint when this happens.

    The body is a component and the tag one of its own: client generators put the operations of each tag into one file.
    """
    schema = {"$ref": f"#/components/schemas/{_body_name(event)}"}
    return {
        "post": {
            "operationId": f"on_{event.name.replace('.', '_')}",
            "summary": event.summary.partition(".")[0],
            "description": event.summary,
            "tags": ["events"],
            "parameters": list(_SIGNED),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema, "example": event.example}},
                **_typed(_body_name(event)),
            },
            "responses": {
                "2XX": {"description": "Received; anything else is tried again."},
                "410": {"description": "Gone: the endpoint is disabled."},
            },
        }
    }
