"""The Redis stream that the gate writes and ingestion drains."""

import time
from functools import lru_cache
from typing import Any, NamedTuple, cast

import redis
from redis.connection import ConnectionPool

from config.common import redis as store


class Entry(NamedTuple):
    """One entry of the stream as it stands there."""

    id: str
    payload: bytes | None

    @property
    def at_ms(self) -> int:
        """When Redis took the entry in."""
        return int(self.id.partition("-")[0])


def position(entry_id: str) -> tuple[int, int]:
    """Return a stream id as numbers, for comparing."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def oldest(count: int, *, after: str = "") -> list[Entry]:
    """Return the first entries of the stream, or the first that follow an id."""
    reply = _reader(store.client().connection_pool).execute_command(  # type: ignore[no-untyped-call]
        "XRANGE", _name(), f"({after}" if after else "-", "+", "COUNT", count
    )
    return [
        Entry(entry_id.decode(), fields[1] if fields[0] == b"e" else _payload(fields))
        for entry_id, fields in cast("Any", reply)
    ]


# KEYS stream; ARGV id of the first entry read, id after the last. Removes what was read only if the stream still begins
# with it: one begun anew meanwhile, by a clock that lags, may hold unread entries with smaller ids.
_FORGET = """
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if first and first[1] == ARGV[1] then return redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[2]) end
return 0
"""


def forget(first_id: str, last_id: str) -> None:
    """Remove the entries from the first to the last, which were read from the beginning of the stream."""
    milliseconds, sequence = position(last_id)
    store.client().eval(_FORGET, 1, _name(), first_id, f"{milliseconds}-{sequence + 1}")


def length() -> int:
    """Return how many entries wait."""
    return store.client().xlen(_name())


def backlog() -> tuple[int, float]:
    """Return how many entries wait, and for how many seconds the oldest of them has."""
    waiting, first = length(), oldest(1)
    age = time.time() - first[0].at_ms / 1000 if first else 0.0
    return waiting, max(age, 0.0)


def _payload(fields: list[bytes]) -> bytes | None:
    return dict(zip(fields[::2], fields[1::2], strict=True)).get(b"e")


@lru_cache(maxsize=4)
def _reader(pool: ConnectionPool) -> redis.Redis:
    """Return a client that hands out replies as they come: a dictionary per entry would double the reading."""
    reader = redis.Redis(connection_pool=pool)
    reader.set_response_callback("XRANGE", lambda reply, **_: reply)
    return reader


def _name() -> str:
    return store.key("usage")
