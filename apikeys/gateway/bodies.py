"""The body of a verification, read strictly: what is unknown, of the wrong type or hostile is named with a pointer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from apikeys.restrictions import ScopeExpression, ScopeSyntaxError, parse_expression
from config.common.addresses import parse_address
from config.common.errors import FieldError, InvalidInput, MalformedRequest, in_pointer

_MAX_COST: Final = 1_000_000_000
_MAX_TAGS: Final = 20
_MAX_TAG: Final = 128


@dataclass(frozen=True, slots=True)
class Verification:
    """What a seller's backend wants to know about a presented key."""

    key: str
    scopes: ScopeExpression | None = None
    cost: int | None = None
    tags: tuple[str, ...] = ()
    resource: str = ""
    ip: str | None = None
    origin: str | None = None
    method: str = ""
    path: str = ""
    api: str = ""

    @property
    def names_a_route(self) -> bool:
        """Whether a route rule is to be looked for."""
        return bool(self.api or self.path or self.method)


class _Wrong(ValueError):
    """Why a value is not acceptable, and how to mend it."""

    def __init__(self, message: str, fix: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.fix = fix
        self.code = code


def read(raw: bytes) -> Verification:
    """Read a verification. Raises MalformedRequest and InvalidInput."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The body is not a JSON object.")
    _require_unique(raw)
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for name, value in document.items():
        _read_member(name, value, values, errors)
    if "key" not in document:
        errors.append(_error("key", _Wrong("The key is missing.", "Send `key`.", "required")))
    if errors:
        raise InvalidInput("The verification is not valid.", errors=errors)
    return Verification(**values)


def _require_unique(raw: bytes) -> None:
    """Refuse a name that is there twice: other readers of the same body may take the other value."""
    try:
        json.loads(raw, object_pairs_hook=_unique)
    except RecursionError:
        raise MalformedRequest("The document is nested too deeply.") from None


def _unique(members: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) == len(names):
        return
    repeated = next(name for name in names if names.count(name) > 1)
    wrong = _Wrong("This member is there more than once.", "Send it once.", "repeated")
    raise InvalidInput("The verification is not valid.", errors=[_error(repeated, wrong)])


def _read_member(name: str, value: Any, values: dict[str, Any], errors: list[FieldError]) -> None:
    reader = _READERS.get(name)
    if reader is None:
        allowed = ", ".join(sorted(_READERS))
        wrong = _Wrong("There is no such field.", f"Use only: {allowed}.", "unknown_member")
        errors.append(_error(name, wrong))
        return
    if value is None and name != "key":
        return
    try:
        values[name] = reader(value)
    except _Wrong as wrong:
        errors.append(_error(name, wrong))


def _error(name: str, wrong: _Wrong) -> FieldError:
    shown = in_pointer(name.replace("\x00", "\ufffd")[:100])
    return FieldError(pointer=f"#/{shown}", message=str(wrong), code=wrong.code, fix=wrong.fix)


def _text(limit: int) -> Callable[[Any], str]:
    def read_text(value: Any) -> str:
        if not isinstance(value, str):
            raise _Wrong("This is not a string.", "Send a string.", "wrong_type")
        if "\x00" in value:
            raise _Wrong("The text holds a NUL character.", "Remove it.", "nul_character")
        if len(value) > limit:
            raise _Wrong("The text is too long.", f"Send at most {limit} characters.", "too_long")
        return value

    return read_text


def _scopes(value: Any) -> ScopeExpression | None:
    text = _text(1000)(value)
    try:
        return parse_expression(text) if text.strip() else None
    except ScopeSyntaxError as error:
        raise _Wrong(f"{error}.", "Write scopes with AND, OR and parentheses.", "syntax") from None


def _cost(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong("This is not a whole number.", "Send a whole number.", "wrong_type")
    if not 0 <= value <= _MAX_COST:
        raise _Wrong("The cost is out of range.", f"Send 0 to {_MAX_COST}.", "out_of_range")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong("This is not a list.", "Send a list of strings.", "wrong_type")
    if len(value) > _MAX_TAGS:
        raise _Wrong("There are too many tags.", f"Send at most {_MAX_TAGS}.", "too_long")
    return tuple(_text(_MAX_TAG)(tag) for tag in value)


def _ip(value: Any) -> str:
    address = parse_address(_text(64)(value))
    if address is None:
        raise _Wrong("This is no IP address.", "Send an IPv4 or IPv6 address.")
    return str(address)


def _method(value: Any) -> str:
    text = _text(20)(value)
    if not text.isascii() or not text.isalpha():
        raise _Wrong("This is no HTTP method.", "Send a method such as GET.")
    return text.upper()


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "key": _text(200),
    "scopes": _scopes,
    "cost": _cost,
    "tags": _tags,
    "resource": _text(200),
    "ip": _ip,
    "origin": _text(300),
    "method": _method,
    "path": _text(2048),
    "api": _text(50),
}
