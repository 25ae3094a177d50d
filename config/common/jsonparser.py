"""One strict JSON reader and one fast writer for the whole product."""

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import orjson
from django.utils.encoding import force_str
from django.utils.functional import Promise
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from config.common.errors import FieldError, MalformedRequest

MAX_DEPTH = 32
MAX_NODES = 20_000


def loads(raw: bytes) -> Any:
    """Read one JSON document.

    Raises MalformedRequest for what is not JSON (RFC 8259), for lone surrogates, NaN, NUL characters, and for
    documents deeper than 32 levels or of more than 20,000 values.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
    _require_harmless(document)
    return document


def _require_harmless(document: Any) -> None:
    # Iterative, so that no depth of nesting can exhaust the interpreter's own stack.
    stack: list[tuple[Any, str, int]] = [(document, "#", 1)]
    nodes = 0
    while stack:
        value, pointer, depth = stack.pop()
        nodes += 1
        if isinstance(value, str):
            _require_no_nul(value, pointer)
        elif nodes > MAX_NODES or (depth > MAX_DEPTH and isinstance(value, dict | list)):
            raise MalformedRequest("The document is nested too deeply or has too many values.")
        elif isinstance(value, dict):
            for name, item in value.items():
                _require_no_nul(name, pointer)
                stack.append((item, f"{pointer}/{name}", depth + 1))
        elif isinstance(value, list):
            stack.extend(
                (item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)
            )


def _require_no_nul(text: str, pointer: str) -> None:
    if "\x00" in text:
        error = FieldError(
            pointer=pointer,
            code="nul_character",
            message="The text holds a NUL character.",
            fix="Remove the character U+0000.",
        )
        raise MalformedRequest("The body holds a NUL character.", errors=[error])


class StrictJSONParser(BaseParser):
    """Reads request bodies through `loads`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the document; an empty body is an empty object."""
        raw = stream.read()
        return loads(raw) if raw.strip() else {}


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
        return (
            b""
            if data is None
            else orjson.dumps(
                data, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
            )
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Promise):
        return force_str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")
