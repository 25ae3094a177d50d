"""Conditional requests (RFC 9110, 13): entity tags of what is read, and what a client requires of them.

A tag is `"state.bytes"`: the digest of what somebody could have changed, and that of the whole answer. `If-Match` asks
about the state only, so that a key that was used meanwhile can still be changed by who read it before.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.utils.http import parse_etags

from config.common import expansion
from config.common.errors import DomainError, InvalidInput
from config.common.jsonparser import as_json


class PreconditionFailed(DomainError):
    """What is there now is not what `If-Match` names: it was changed since you read it."""

    code = "precondition_failed"
    title = "It was changed meanwhile"
    status = 412
    fix = "Read it again, look at what changed, and send your change with the new `ETag`."


def tag_of(content: bytes, data: Any, volatile: frozenset[str]) -> str:
    """Return the strong entity tag of an answer; members in `volatile` change by themselves and are no state."""
    whole = _digest(content)
    # What a row refers to is no state of it, either: with `expand` or without, a row's tags are of the same state.
    aside = volatile | {expansion.MEMBER} if expansion.MEMBER in (data or ()) else volatile
    if not aside or not isinstance(data, Mapping):
        return f'"{whole}"'
    lasting = {name: value for name, value in data.items() if name not in aside}
    return f'"{_digest(as_json(lasting))}.{whole}"'


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def matches(header: str, tag: str) -> bool:
    """Whether `If-Match` holds: one of its strong tags is of the same state."""
    tags = parse_etags(header)
    return tags == ["*"] or _state(tag) in {_state(one) for one in tags if not one.startswith("W/")}


def is_known(header: str, tag: str) -> bool:
    """Whether the client of an `If-None-Match` has this very answer already."""
    tags = parse_etags(header)
    return tags == ["*"] or tag in {one.removeprefix("W/") for one in tags}


def _state(tag: str) -> str:
    return tag.strip('"').partition(".")[0]


def not_conditional() -> InvalidInput:
    """Return the refusal of `If-Match` where nothing is read that it could be compared with."""
    return InvalidInput.at(
        "#/If-Match",
        location="header",
        code="not_conditional",
        message="This path has no entity tag to compare with.",
        fix="Leave `If-Match` out here; it holds for what can be read under the same path.",
    )
