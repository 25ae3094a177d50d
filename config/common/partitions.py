"""Tables that PostgreSQL keeps in pieces of time (UTC): made ahead, or where one is missing, and dropped when old."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from django.db import connection, transaction
from psycopg import sql


class Span(StrEnum):
    """How much time one partition holds; the value is how its name ends."""

    DAY = "%Y%m%d"
    MONTH = "%Y%m"

    def start(self, day: date) -> date:
        """Return the first day of the partition that holds a day."""
        return day if self is Span.DAY else day.replace(day=1)

    def next(self, day: date) -> date:
        """Return the first day of the partition behind it."""
        if self is Span.DAY:
            return day + timedelta(days=1)
        return (self.start(day) + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """One such table. `finishing` are statements about a new partition, run before it is attached.

    `lock` keeps two sessions from making the same partition at once: any constant that no other lock of ours uses.
    """

    name: str
    span: Span
    lock: int
    finishing: tuple[str, ...] = field(default=())

    def name_of(self, day: date) -> str:
        """Return the name of the partition that holds a day."""
        return f"{self.name}_{day:{self.span.value}}"

    def existing(self) -> list[date]:
        """Return the first days of the partitions there are, oldest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT substr(relname, %s) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
                " WHERE inhparent = %s::regclass ORDER BY 1",
                [len(self.name) + 2, self.name],
            )
            return [self._read(suffix) for (suffix,) in cursor.fetchall()]

    @transaction.atomic
    def ensure(self, days: Iterable[date]) -> list[date]:
        """Make the partitions that hold these days where they are missing; return the first days of those."""
        wanted = {self.span.start(day) for day in days}
        if not wanted - set(self.existing()):
            return []
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [self.lock])
        missing = sorted(wanted - set(self.existing()))
        for day in missing:
            self._create(day)
        return missing

    def ensure_ahead(self, *, today: date, count: int) -> list[date]:
        """Make the present partition and the coming ones; return the first days of those that were missing."""
        days = [self.span.start(today)]
        for _ in range(count):
            days.append(self.span.next(days[-1]))
        return self.ensure(days)

    def expired(self, *, first_kept: date) -> list[date]:
        """Return the first days of the partitions that hold nothing of `first_kept` or later."""
        return [day for day in self.existing() if self.span.next(day) <= first_kept]

    @transaction.atomic
    def drop(self, day: date) -> None:
        """Drop the partition that begins with a day. It gives up after two seconds, so that readers are never held up."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(self.name_of(day))))

    def _read(self, suffix: str) -> date:
        return datetime.strptime(suffix, self.span.value).replace(tzinfo=UTC).date()

    def _create(self, day: date) -> None:
        # Attaching a finished table takes a lock that neither readers nor writers of the table wait for.
        parts = {
            "table": sql.Identifier(self.name),
            "partition": sql.Identifier(self.name_of(day)),
            "unique": sql.Identifier(f"{self.name_of(day)}_unique"),
            "start": sql.Literal(_midnight(day)),
            "end": sql.Literal(_midnight(self.span.next(day))),
        }
        with connection.cursor() as cursor:
            for statement in (
                "CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
                *self.finishing,
                "ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end})",
            ):
                cursor.execute(sql.SQL(statement).format(**parts))


def _midnight(day: date) -> str:
    return datetime.combine(day, time.min, UTC).isoformat()
