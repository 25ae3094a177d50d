"""What the OpenAPI document says of every operation because of the conventions: headers read, headers told, problems."""

from typing import Any

from config.common import conditional, errors, idempotency, listing
from config.common.idempotency import Idempotency
from config.common.views import ApiView, has_own_tag

Problems = dict[str, type[errors.DomainError]]
_TAG = '"9f86d081884c7d659a2feaa0c55ad015"'
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": (
        "A value of your own, such as a UUID. A request that is sent again under its key within 24 hours is answered "
        "as the first one was, with `Idempotency-Replayed: true`, and carried out once."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "The `ETag` of what you read; 412 when it was changed since.",
    "schema": {"type": "string"},
    "example": _TAG,
}
_IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "The `ETag` of what you have; 304 when there is nothing new.",
    "schema": {"type": "string"},
    "example": _TAG,
}
_ORGANIZATION = {
    "in": "header",
    "name": "X-Organization-Id",
    "description": "The organization to act in; your current one when left out. An API key acts in its own.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 12,
}
# Under `components`, so that each response only names them.
TOLD_HEADERS = {
    "ETag": {"description": "The strong entity tag of the answer.", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "What is left of each policy, and the seconds until there is more.",
        "schema": {"type": "string"},
        "example": '"person";r=599;t=1, "organization";r=2999;t=1',
    },
    "RateLimit-Policy": {
        "description": "The policies of the caller.",
        "schema": {"type": "string"},
        "example": '"person";q=600;w=60, "organization";q=3000;w=60',
    },
    "Idempotency-Replayed": {
        "description": "`true` on an answer that was recorded before; the same is said as `Idempotent-Replayed`.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "X-Request-Id": {
        "description": "The id of the request: yours when it was fit, else a new one.",
        "schema": {"type": "string"},
        "example": "4f0c6d2a9b1e4c7f8a3d5e6b7c8d9e0f",
    },
}


_BY_NAME = {"cursor": "eyJkIjoibmV4dCJ9:1vN0aB:c2lnbmF0dXJl", "q": "checkout", "limit": 50}
_BY_FORMAT = {
    "date-time": "2026-03-02T09:00:00Z",
    "date": "2026-03-02",
    "email": "mia@example.com",
    "uuid": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_BY_TYPE = {"integer": 42, "number": 1.5, "boolean": True, "string": "text"}


class NotModified(errors.DomainError):
    """There is nothing new since the answer that `If-None-Match` names."""

    title = "Not modified"
    status = 304


def query_parameters(view: Any, method: str, *, is_list: bool) -> list[dict[str, Any]]:
    """Return the parameters that come with the views of `config.common.listing`."""
    if method != "GET":
        return []
    ordering = [listing.ordering_parameter(view.orders)] if is_list else []
    expand = listing.expand_parameter(view)
    return [*ordering, expand] if expand else ordering


def common_problems(*, is_signed_in: bool) -> Problems:
    """Return the problems that any operation can answer with."""
    found: Problems = {
        "400": errors.InvalidInput,
        "429": errors.TooManyRequests,
        "431": errors.HeadersTooLarge,
        "503": errors.ServiceUnavailable,
    }
    if is_signed_in:
        found |= {"401": errors.Unauthenticated, "403": errors.Forbidden, "404": errors.NotFound}
    return found


def body_problems(operation: dict[str, Any]) -> Problems:
    """Return the problems of operations that read a body."""
    if "requestBody" not in operation:
        return {}
    return {"413": errors.PayloadTooLarge, "415": errors.UnsupportedMediaType}


def request_headers(
    view: Any, method: str, *, is_list: bool
) -> tuple[list[dict[str, Any]], Problems]:
    """Return the headers that a view's method reads, and the problems that come of them."""
    headers: list[dict[str, Any]] = []
    found: Problems = {}
    if getattr(view, "reads_organization_header", False):
        headers.append(_ORGANIZATION)
    if not isinstance(view, ApiView):
        return headers, found
    if method in {"POST", "PATCH"} and view.idempotency is not Idempotency.NONE:
        is_required = view.idempotency is Idempotency.REQUIRED
        headers.append({**_IDEMPOTENCY_KEY, **({"required": True} if is_required else {})})
        found |= {
            "409": idempotency.IdempotentRequestRunning,
            "422": idempotency.IdempotencyKeyReused,
        }
    if method in {"PUT", "PATCH", "DELETE"} and has_own_tag(view):
        headers.append(_IF_MATCH)
        found["412"] = conditional.PreconditionFailed
    if method == "GET" and not is_list:
        headers.append(_IF_NONE_MATCH)
        found["304"] = NotModified
    return headers, found


def further_problems(
    view: Any, operation: dict[str, Any], method: str
) -> list[type[errors.DomainError]]:
    """Return the problems that come of who is let in, of the body and of an idempotency key, besides the usual ones."""
    guards = [one for one in view.get_permissions() if hasattr(one, "problem")]
    found = [
        *getattr(view, "problems", ()),
        *(guard.problem for guard in guards if guard.guards(view, method)),
    ]
    if "requestBody" in operation:
        found.append(errors.MalformedRequest)
    names = {one["name"] for one in operation.get("parameters", ())}
    if idempotency.HEADER in names:
        found.append(idempotency.IdempotencyKeyMalformed)
        if view.idempotency is Idempotency.REQUIRED:
            found.append(idempotency.IdempotencyKeyRequired)
    return found


def response_headers(view: Any, method: str, status: str, *, is_list: bool) -> dict[str, Any]:
    """Return the headers that an answer carries besides those every server sends."""
    names = ["X-Request-Id"]
    if not isinstance(view, ApiView):
        return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if view.authentication_classes:
        names += ["RateLimit", "RateLimit-Policy"]
    if method in {"POST", "PATCH"} and view.idempotency is not Idempotency.NONE:
        names.append("Idempotency-Replayed")
    if status == "200" and not is_list and (method == "GET" or _answers_tagged(view, method)):
        names.append("ETag")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _answers_tagged(view: Any, method: str) -> bool:
    return method in {"PUT", "PATCH"} and has_own_tag(view)


def described(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter with a description and an example, made from its schema where the view gives none."""
    filled = dict(parameter)
    if filled["in"] == "path":
        named = filled["name"].removesuffix("_id").replace("_", " ")
        filled.setdefault("description", "The id." if named == "id" else f"The id of the {named}.")
    if filled["in"] == "query":
        filled.setdefault("description", f"Only those with this `{filled['name']}`.")
    if "example" not in filled and "examples" not in filled:
        filled["example"] = _example_of(filled["name"], filled["schema"])
    return filled


def _example_of(name: str, schema: dict[str, Any]) -> Any:
    if "example" in schema:
        return schema["example"]
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [_example_of(name, schema["items"])]
    if name in _BY_NAME:
        return _BY_NAME[name]
    return _BY_FORMAT.get(schema.get("format", "")) or _BY_TYPE[schema["type"]]
