"""One usage event as the gate writes it: a JSON array of fourteen members, read and checked here.

What can be mended is mended (an unreadable address, text that is too long); what cannot be counted rightly raises
Malformed and is set aside.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

ALLOWED = "VALID"
_FIELDS = 14
_MAX_ID = 2**63 - 1
_MAX_UNITS = 10**12
_MAX_TAGS = 10_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_OUTCOME = re.compile(r"[A-Z][A-Z_]{0,31}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_ENVIRONMENTS = frozenset({"live", "test"})
# Compared as a whole, which also tells true and false from integers. Address and tags are looked at by themselves.
_ADDRESS, _TAGS = 9, 11
_TYPES = [str, int, int, int, int, str, str, str, int, None, str, None, str, int]


class Malformed(ValueError):
    """An event that cannot be counted; its text says why."""


class Call(NamedTuple):
    """One call that the gate decided."""

    at_ms: int
    request_id: str
    organization_id: int
    key_id: int
    api_id: int
    rule_id: int
    method: str
    path: str
    outcome: str
    units: int
    address: str | None
    user_agent: str
    tags: str | None
    environment: str


def decode(payload: bytes | None, *, at_ms: int) -> Call:
    """Read one event; `at_ms` is the time of its stream id, which holds unless the event has its own."""
    fields = _fields(payload)
    types: list[type | None] = list(map(type, fields))
    types[_ADDRESS] = types[_TAGS] = None
    if types != _TYPES:
        raise Malformed("A member of the event is of another type than agreed.")
    request_id, organization_id, key_id, api_id, rule_id, method, path = fields[:7]
    outcome, units, address, user_agent, tags, environment, own_at_ms = fields[7:]
    if not (organization_id > 0 < key_id and api_id >= 0 <= rule_id and own_at_ms >= 0 <= units):
        raise Malformed("A number of the event is too small.")
    # orjson reads integers up to 2**64.
    if max(organization_id, key_id, api_id, rule_id) > _MAX_ID or units > _MAX_UNITS:
        raise Malformed("A number of the event is too large.")
    _require_words(request_id, outcome, environment)
    return Call(
        own_at_ms or at_ms,
        request_id,
        organization_id,
        key_id,
        api_id,
        rule_id,
        method if _METHOD.fullmatch(method) else "OTHER",
        _text(path, 512),
        outcome,
        units,
        _address(address) if type(address) is str else None,
        _text(user_agent, 200),
        None if tags is None else _tags(tags),
        environment,
    )


def _fields(payload: bytes | None) -> list[Any]:
    if payload is None:
        raise Malformed("The entry has no field e.")
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Malformed("The event is not JSON.") from error
    if type(fields) is not list or len(fields) < _FIELDS:
        raise Malformed(f"The event is not an array of {_FIELDS} members.")
    return fields[:_FIELDS]  # what a newer gate may add is not for us


def _require_words(request_id: str, outcome: str, environment: str) -> None:
    if not _REQUEST_ID.fullmatch(request_id):
        raise Malformed("The request id has not 8 to 64 letters, digits, hyphens or underscores.")
    if outcome != ALLOWED and not _OUTCOME.fullmatch(outcome):
        raise Malformed("The outcome is not a code.")
    if environment not in _ENVIRONMENTS:
        raise Malformed("The environment is neither live nor test.")


def _text(value: str, limit: int) -> str:
    if "\x00" in value:  # PostgreSQL has no such character
        value = value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return value[:limit]


@lru_cache(maxsize=65_536)
def _address(value: str) -> str | None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return None if "%" in value else str(address)


def _tags(value: Any) -> str | None:
    text = orjson.dumps(value).decode().replace("\\u0000", "\\ufffd")
    return text if len(text) <= _MAX_TAGS else None
