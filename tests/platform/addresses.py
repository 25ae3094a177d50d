"""Every address of the product, generated from its URL map: one example for each pattern."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern

_EXAMPLES = {"int": "1", "uuid": "00000000-0000-0000-0000-000000000001"}
_TOKEN = "x" * 43


def addresses() -> list[str]:
    """Return an example of each address, those that only differ in their names once."""
    return sorted({f"/{path}" for path in _walk(get_resolver().url_patterns, "")})


def _walk(patterns: list[Any], prefix: str) -> Iterator[str]:
    for entry in patterns:
        path = prefix + _example(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from _walk(entry.url_patterns, path)


def _example(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda found: _EXAMPLES.get(found[1], "x"), str(pattern))
    text = str(pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z").replace("/?", "")
    text = re.sub(r"\(\?P<token>[^)]*\)", _TOKEN, text)
    return re.sub(r"\(\?P<\w+>(\w+)?[^)]*\)", lambda found: found[1] or "x", text)
