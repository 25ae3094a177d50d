"""The last time there is for us, and times from the database, read by the interpreter's own reader of ISO 8601.

That one is C; Django's is ten times slower. Every connection that speaks UTC reads its `timestamptz` so; what the
values are stays the same.
"""

from datetime import UTC, datetime
from typing import Any

from psycopg import BaseConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

# Nothing is told to end later. At the end of the calendar there are moments for which some time zone has no date, and
# after it those that PostgreSQL keeps and Python cannot read.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_TYPE = "timestamptz"


class UtcLoader(Loader):
    """Reads `2026-03-02 09:00:00.5+00`, as PostgreSQL writes times in a session whose zone is UTC."""

    # What Django compares with the connection's zone before it puts a loader of its own in this one's place.
    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """Return the time; what is none in ISO 8601, such as one before Christ, is psycopg's to read or to refuse."""
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            return TimestamptzLoader(self.oid, self.connection).load(data).replace(tzinfo=UTC)


def read_fast(connection: Any, **_: Any) -> None:
    """Receive a new database connection and have it read times so; does nothing to one that is told already."""
    raw: BaseConnection[Any] | None = getattr(connection, "connection", None)
    if raw is None or connection.vendor != "postgresql" or connection.timezone != UTC:
        return
    if raw.adapters.get_loader(types[_TYPE].oid, Format.TEXT) is not UtcLoader:
        raw.adapters.register_loader(_TYPE, UtcLoader)
