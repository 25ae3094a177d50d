"""The Redis stream that the gate writes and ingestion drains."""

from functools import lru_cache
from typing import Any, NamedTuple, cast

import redis
from redis.connection import ConnectionPool

from config.common import redis as store

CHECKPOINT_START = "0-0"


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


def oldest(count: int) -> list[Entry]:
    """Return the first entries of the stream."""
    reply = _reader(store.client().connection_pool).execute_command(
        "XRANGE", _name(), "-", "+", "COUNT", count
    )
    return [
        Entry(entry_id.decode(), fields[1] if fields[0] == b"e" else _payload(fields))
        for entry_id, fields in cast("Any", reply)
    ]


def forget_through(entry_id: str) -> None:
    """Remove every entry up to and including this one."""
    milliseconds, sequence = position(entry_id)
    store.client().xtrim(_name(), minid=f"{milliseconds}-{sequence + 1}", approximate=False)


def length() -> int:
    """Return how many entries wait."""
    return store.client().xlen(_name())


def _payload(fields: list[bytes]) -> bytes | None:
    return dict(zip(fields[::2], fields[1::2], strict=True)).get(b"e")


@lru_cache(maxsize=4)
def _reader(pool: ConnectionPool) -> "redis.Redis[bytes]":
    """Return a client that hands out replies as they come: a dictionary per entry would double the reading."""
    reader = redis.Redis(connection_pool=pool)
    reader.set_response_callback("XRANGE", lambda reply, **_: reply)  # type: ignore[no-untyped-call]
    return reader


def _name() -> str:
    return store.key("usage")
