"""One strict JSON reader and one fast writer for the whole product."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import IO, Any

import orjson
from django.utils.encoding import force_str
from django.utils.functional import Promise
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from config.common import logs
from config.common.errors import FieldError, MalformedRequest, UnsupportedMediaType, in_pointer

MAX_DEPTH = 32
MAX_NODES = 20_000
_TOO_DEEP = "The document is nested too deeply or has too many values."
_FIXES = {
    "nul_character": "Remove the character U+0000.",
    "number_too_large": "Send a smaller number, or text.",
    "repeated": "Send it once.",
}


class _Members(list[tuple[str, Any]]):
    """The members of an object, repeated names included."""


class _TooLarge:
    """Stands for a number that no column holds."""


def loads(raw: bytes) -> Any:
    """Read one JSON document.

    Raises MalformedRequest for what is not JSON (RFC 8259), for lone surrogates, NaN, NUL characters, names that are
    there twice, numbers of more than 64 bits, and for documents deeper than 32 levels or of more than 20,000 values.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
    # Read again, by a reader that shows what the fast one hides: repeated names, and numbers that it rounds.
    try:
        shown = json.loads(raw, object_pairs_hook=_Members, parse_int=_integer, parse_float=_float)
    except RecursionError:
        raise MalformedRequest(_TOO_DEEP) from None
    _require_harmless(shown)
    return document


def _integer(digits: str) -> int | _TooLarge:
    # No 64-bit integer is longer, and the interpreter refuses to read one of more than 4,300 digits.
    if len(digits) > 20:
        return _TooLarge()
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else _TooLarge()


def _float(text: str) -> float | _TooLarge:
    # PostgreSQL writes 1e22 out as an integer, which nothing could write as JSON again.
    number = float(text)
    return number if -(2.0**63) <= number < 2.0**63 else _TooLarge()


def _require_harmless(document: Any) -> None:
    # Iterative, so that no depth of nesting can exhaust the interpreter's own stack.
    stack: list[tuple[Any, str, int]] = [(document, "#", 1)]
    nodes = 1
    while stack:
        value, pointer, depth = stack.pop()
        if isinstance(value, str):
            _require_no_nul(value, pointer)
        elif isinstance(value, _TooLarge):
            raise _refusal(pointer, "number_too_large", "The number has more than 64 bits.")
        elif isinstance(value, list):
            nodes += len(value)
            if nodes > MAX_NODES or depth > MAX_DEPTH:
                raise MalformedRequest(_TOO_DEEP)
            stack.extend((item, place, depth + 1) for item, place in _children(value, pointer))


def _children(value: list[Any], pointer: str) -> Iterator[tuple[Any, str]]:
    """Yield what a list or an object holds, each with its pointer; every name may be there once."""
    if not isinstance(value, _Members):
        yield from ((item, f"{pointer}/{index}") for index, item in enumerate(value))
        return
    names = set()
    for name, item in value:
        _require_no_nul(name, pointer)
        place = f"{pointer}/{in_pointer(name[:100])}"
        if name in names:
            raise _refusal(place, "repeated", "This member is there more than once.")
        names.add(name)
        yield item, place


def _require_no_nul(text: str, pointer: str) -> None:
    if "\x00" in text:
        raise _refusal(pointer, "nul_character", "The text holds a NUL character.")


def _refusal(pointer: str, code: str, message: str) -> MalformedRequest:
    error = FieldError(pointer=pointer, code=code, message=message, fix=_FIXES[code])
    return MalformedRequest(message, errors=[error])


class StrictJSONParser(BaseParser):
    """Reads request bodies through `loads`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the document; an empty body is an empty object. Raises UnsupportedMediaType for one that is packed."""
        _require_json(media_type)
        assert parser_context is not None  # the framework always gives it
        coding = parser_context["request"].headers.get("Content-Encoding", "")
        if coding.strip().lower() not in {"", "identity"}:
            # RFC 9110, 12.5.3: the answer says which content codings are read.
            raise UnsupportedMediaType(
                "A body is read without a content coding.", headers={"Accept-Encoding": "identity"}
            )
        raw = stream.read()
        document = loads(raw) if raw.strip() else {}
        logs.withhold_from(document)
        return document


def _require_json(media_type: str | None) -> None:
    # The framework lets `*/*` choose any parser, and knows nothing of charsets.
    kind, parameters = parse_header_parameters(media_type or "")
    if kind != StrictJSONParser.media_type:
        raise UnsupportedMediaType
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("JSON is read in UTF-8 only.")


class OrjsonRenderer(BaseRenderer):
    """Writes response bodies; problem documents keep their own media type."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return UTF-8 bytes; nothing for an empty answer."""
        return b"" if data is None else as_json(data)


def as_json(data: Any) -> bytes:
    """Return the bytes that the API writes for this data."""
    return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Promise):
        return force_str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")
