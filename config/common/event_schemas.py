"""What an event's payload looks like: a JSON Schema and an example, both read from the event's own class.

A field's meaning, when its name does not say it, and its example are given by the class in `field_notes` and
`field_examples`.
"""

import types
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from config.common.events import DomainEvent, catalogue

_SCALARS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    type(None): {"type": "null"},
}
_EXAMPLES: dict[str, Any] = {
    "integer": 42,
    "number": 4.2,
    "boolean": True,
    "object": {},
    "array": [],
    "null": None,
}
_BY_NAME: dict[str, Any] = {
    "organization_id": 7,
    "before": {"name": "Acme"},
    "after": {"name": "Acme Corporation"},
    "role": "MEMBER",
    "plan": "PRO",
    "old_plan": "FREE",
    "reason": "customer",
    "environment": "live",
    "key_name": "Checkout",
    "name_given": "Acme",
    "host": "hooks.example.com",
    "overlap_seconds": 86_400,
    "percent": 50,
    "currency": "USD",
    "email": "person@example.com",
}  # fmt: skip
_TIME = "2026-01-05T09:12:31Z"


@dataclass(frozen=True, slots=True)
class EventType:
    """A public event as customers read of it."""

    name: str
    summary: str
    schema: dict[str, Any]
    example: dict[str, Any]


@cache
def public_event_types() -> dict[str, EventType]:
    """Return every public event by its name."""
    return {event.name: _described(event) for event in catalogue() if event.is_public}


def _described(event: type[DomainEvent]) -> EventType:
    summary = " ".join((event.__doc__ or "").split())
    return EventType(event.name, summary, schema_of(event), example_of(event))


def schema_of(event: type[DomainEvent]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the whole body of an event's message."""
    hints = get_type_hints(event)
    properties = {
        field.name: {**_schema_of_type(hints[field.name]), **_note(event, field.name)}
        for field in fields(event)
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event.name,
        "description": " ".join((event.__doc__ or "").split()),
        "type": "object",
        "properties": {
            "type": {"const": event.name},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
            "data": {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
                "additionalProperties": False,
            },
        },
        "required": ["data", "timestamp", "type"],
        "additionalProperties": False,
    }  # fmt: skip


def example_of(event: type[DomainEvent]) -> dict[str, Any]:
    """Return an example of the whole body."""
    hints = get_type_hints(event)
    data = {
        field.name: _example(event, field.name, hints[field.name], field.default)
        for field in fields(event)
    }
    return {"type": event.name, "timestamp": _TIME, "data": data}


def _schema_of_type(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if origin in {Union, types.UnionType}:
        return _schema_of_union([_schema_of_type(argument) for argument in arguments])
    if hint is dict or origin is dict:
        return {"type": "object"}
    if hint in {list, tuple} or origin in {list, tuple, frozenset, set}:
        items = [argument for argument in arguments if argument is not Ellipsis]
        return {"type": "array", **({"items": _schema_of_type(items[0])} if items else {})}
    return {}


def _schema_of_union(members: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(member) == {"type"} for member in members):
        return {"type": [member["type"] for member in members]}
    return {"anyOf": members}


def _note(event: type[DomainEvent], name: str) -> dict[str, str]:
    note = getattr(event, "field_notes", {}).get(name)
    return {"description": note} if note else {}


def _example(event: type[DomainEvent], name: str, hint: Any, default: Any) -> Any:
    given = getattr(event, "field_examples", {})
    if name in given:
        return given[name]
    schema = _schema_of_type(hint)
    if name in _BY_NAME and _fits(schema, _BY_NAME[name]):
        return _BY_NAME[name]
    if default is not MISSING and default not in {None, ""}:
        return default
    return _by_type(schema, name)


def _by_type(schema: dict[str, Any], name: str) -> Any:
    if "anyOf" in schema:
        return _by_type(schema["anyOf"][0], name)
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "string":
        return {"date-time": _TIME, "date": _TIME[:10]}.get(
            schema.get("format", ""), f"some {name.replace('_', ' ')}"
        )
    return _EXAMPLES[kind]


def _fits(schema: dict[str, Any], value: Any) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    names = {int: "integer", str: "string", bool: "boolean", dict: "object", list: "array"}
    return names[type(value)] in kinds
