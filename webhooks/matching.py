"""Which events an endpoint wants: type patterns, payload filters, ordering keys. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ANY = "*"
PATTERN = re.compile(r"\*|[a-z0-9_]+(\.[a-z0-9_]+)*\.\*|[a-z0-9_]+(\.[a-z0-9_]+)+")
# `data.after.name`: members of the payload, from the outside in.
PATH = re.compile(r"(type|data(\.[A-Za-z0-9_-]{1,64}){1,8})")
MAX_FILTERS = 20
_ABSENT = object()


def wants_type(patterns: Sequence[str], event_type: str) -> bool:
    """Whether one of the patterns, such as `member.added`, `member.*` or `*`, means this type."""
    return any(
        pattern in {ANY, event_type}
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


def passes(filters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]) -> bool:
    """Whether the payload satisfies every filter."""
    return failed_filter(filters, payload) is None


def failed_filter(filters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]) -> int | None:
    """Return the index of the first filter that the payload does not satisfy; None when it satisfies all."""
    for index, condition in enumerate(filters):
        found = value_at(payload, condition["path"])
        if not OPERATORS[condition["operator"]](found, condition.get("value")):
            return index
    return None


def value_at(payload: Mapping[str, Any], path: str) -> Any:
    """Return what lies at a dotted path; a value of no type when nothing does."""
    found: Any = payload
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return _ABSENT
        found = found[name]
    return found


def ordering_key(path: str, payload: Mapping[str, Any]) -> str:
    """Return the text by which deliveries are kept in order; empty when there is nothing at the path."""
    if not path:
        return ""
    found = value_at(payload, path)
    if found is _ABSENT or found is None or isinstance(found, Mapping | list):
        return ""
    return str(found)[:200]


def _compared(by: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(found: Any, value: Any) -> bool:
        # Numbers with numbers and texts with texts; truths are no numbers here.
        for kind in (str, int | float):
            if isinstance(found, kind) and isinstance(value, kind):
                return (
                    not isinstance(found, bool) and not isinstance(value, bool) and by(found, value)
                )
        return False

    return compare


def _equal(found: Any, value: Any) -> bool:
    return (
        found is not _ABSENT
        and isinstance(found, bool) == isinstance(value, bool)
        and bool(found == value)
    )


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(_equal(one, value) for one in found)


# What a filter may ask; every operator gets what lies at the path and the filter's value.
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "differs": lambda found, value: not _equal(found, value),
    "in": lambda found, value: isinstance(value, list) and any(_equal(found, one) for one in value),
    "contains": _contains,
    "above": _compared(lambda found, value: found > value),
    "at_least": _compared(lambda found, value: found >= value),
    "below": _compared(lambda found, value: found < value),
    "at_most": _compared(lambda found, value: found <= value),
    "exists": lambda found, value: (found is not _ABSENT) == (value is not False),
}
