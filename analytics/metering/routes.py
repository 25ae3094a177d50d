"""The route of a call: what its path looks like without the ids in it, so that routes stay few."""

import re

OTHER = "(other)"
_MAX_LENGTH = 200
# A segment that is a number, a UUID, a long hexadecimal word, something long with a digit in it, an address or a word
# that is percent-encoded: the id of one thing rather than the name of a kind of thing.
_ID = re.compile(
    r"""(?<=/)(?:
          \d+
        | [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}
        | [0-9a-fA-F]{16,}
        | (?=[^/\d]*\d)[^/]{12,}
        | [^/]{41,}
        | [^/@%]*[@%][^/]*
        )(?=/|$)""",
    re.VERBOSE,
)
_HEAD = re.compile(r"(?:/[^/]*){8}(?=/.)")


def template(path: str) -> str:
    """Return the path with every id replaced by `{id}`, cut after eight segments."""
    head = _HEAD.match(path)
    return _ID.sub("{id}", head[0]) + "/*" if head else _ID.sub("{id}", path)


def route(method: str, path: str, pattern: str | None) -> str:
    """Return the route of a call: its rule's pattern, or the template of its path when no rule describes it."""
    return f"{method} {pattern or template(path)}"[:_MAX_LENGTH]
