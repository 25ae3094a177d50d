"""The gate's one script and the Redis protocol's way of writing a command."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TEXT: Final = (Path(__file__).parent / "authorize.lua").read_bytes()
# Redis names scripts by their SHA-1; it protects nothing here.
SHA: Final = hashlib.sha1(TEXT, usedforsecurity=False).hexdigest().encode()

TAKE: Final = b"t"
GIVE_BACK: Final = b"g"
COUNT: Final = b"f"
EVENTS: Final = b"e"

# In place of a seed, with COUNT: the counter stays missing.
NO_SEED: Final = b"-"

Part = bytes | str | int


def encode(*parts: Part) -> bytes:
    """Return a command as Redis reads it: an array of bulk strings."""
    return b"*%d\r\n" % len(parts) + b"".join(map(bulk, parts))


def bulk(part: Part) -> bytes:
    """Return one argument of a command."""
    raw = part if isinstance(part, bytes) else str(part).encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


def call(keys: Sequence[Part], arguments: Sequence[Part], *, further: int = 0) -> bytes:
    """Return the command that runs the script; keys and arguments are described in the script itself.

    So many further arguments may be put behind it, each written as a bulk string.
    """
    parts = (b"EVALSHA", SHA, len(keys), *keys, *arguments)
    return b"*%d\r\n" % (len(parts) + further) + b"".join(map(bulk, parts))
