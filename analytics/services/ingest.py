"""Draining the usage stream into the log and the roll-ups: every event exactly once, whatever is killed when.

One transaction holds the checkpoint's lock, copies the calls, adds them to every sum, moves the checkpoint and
commits; only then are the entries removed from the stream. An entry that is read again, because the process died in
between or because Valkey came back with old data, is known by its request id, and counts nothing.
"""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from analytics import realtime
from analytics.metering import stream
from analytics.metering.events import Call
from analytics.metering.reader import Batch, Reader, Rejection, Span, decoded
from analytics.metering.stream import Entry
from analytics.metering.tallies import ALLOWED_PLACE, UNITS_PLACE, CallTallies
from analytics.services import calls, partitions, refusals, rollups
from apikeys.services import usage

logger = structlog.get_logger(__name__)

CHECKPOINT = "usage"
# An id before that of any entry.
_BEGINNING = "0-0"
BATCH_SIZE = 10_000
# A clock may be wrong by this much before its events are set aside instead of counted.
_MAX_AHEAD = timedelta(days=1)
_NOTHING = Batch([], [], [], "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one batch came to."""

    read: int = 0
    counted: int = 0
    rejected: int = 0


def drain(
    *,
    batch_size: int = BATCH_SIZE,
    seconds: float = float("inf"),
    is_stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Ingest until the stream is empty, the time is up, or another process is at it; return the sums."""
    deadline = time.monotonic() + seconds
    read = counted = rejected = 0
    with _without_collector(), Reader(_span, size=batch_size) as reader:
        while time.monotonic() < deadline and not is_stopped():
            outcome = ingest_batch(reader)
            if not outcome.read:
                break
            read, counted = read + outcome.read, counted + outcome.counted
            rejected += outcome.rejected
    return Outcome(read, counted, rejected)


def ingest_batch(reader: Reader, *, size: int = 0) -> Outcome:
    """Ingest the oldest entries of the stream; none are read while another process holds the checkpoint."""
    size = size or reader.size
    try:
        batch = _ingest_known_once(reader, size)
    except (psycopg.Error, DatabaseError) as error:
        if size == 1 or not _is_about_values(error):
            raise
        # One event that the database refuses must not hold up the others: closing in on it.
        return ingest_batch(reader, size=size // 2)
    if not batch.entries:
        return Outcome()
    stream.forget(batch.entries[0].id, batch.entries[-1].id)
    realtime.tick(batch.calls)
    refusals.tell(batch.calls)
    if batch.rejections:
        count, reason = len(batch.rejections), batch.rejections[0].reason
        logger.warning("usage_events_rejected", count=count, reason=reason)
    return Outcome(len(batch.entries), len(batch.calls), len(batch.rejections))


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    # A batch makes a hundred thousand objects and no cycles; looking for some took a fifth of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _ingest_known_once(reader: Reader, size: int) -> Batch:
    try:
        return _ingest(reader, size)
    except psycopg.errors.UniqueViolation:
        return _ingest(reader, size, is_repeated=True)


def _is_about_values(error: Exception) -> bool:
    """Whether the database refuses values (SQLSTATE classes 21 to 23), so that trying again will not help."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    state = getattr(cause, "sqlstate", None) or ""
    return state[:2] in {"21", "22", "23"}


@transaction.atomic
def _ingest(reader: Reader, size: int, *, is_repeated: bool = False) -> Batch:
    """Count one batch; the result holds the calls that were counted."""
    last_id = _lock_checkpoint()
    if last_id is None:
        return _NOTHING
    batch = reader.take(last_id, size=size)
    entries = batch.entries
    if not entries:
        return _NOTHING
    if len(entries) == reader.size:
        reader.read_ahead(entries[-1].id)
    unique = calls.without_repetitions(batch.calls)
    # Entries that should have been removed already: a crash came before, or Valkey's data is old, or its clock.
    is_repeated = is_repeated or stream.position(entries[0].id) <= stream.position(last_id)
    if is_repeated or calls.may_be_on_another_day(unique):
        unique = calls.without_known(unique)
    rejections = batch.rejections
    if size > 1:
        record(unique)
    elif refusal := _refusal(unique):
        unique, rejections = [], [Rejection(entries[0], refusal)]
    _set_aside(rejections)
    _move_checkpoint(max(last_id, entries[-1].id, key=stream.position))
    return Batch(entries, unique, rejections, last_id)


def _refusal(single: list[Call]) -> str:
    """Record one call alone; return why the database refuses it, if it does."""
    try:
        with transaction.atomic():
            record(single)
    except psycopg.errors.UniqueViolation:
        raise
    except (psycopg.Error, DatabaseError) as error:
        if not _is_about_values(error):
            raise
        return f"The database refuses it: {error}"[:200]
    return ""


def record(batch: list[Call]) -> None:
    """Write calls to the log and count them everywhere; the caller holds the checkpoint and the transaction."""
    if not batch:
        return
    partitions.ensure(
        datetime.fromtimestamp(at_ms / 1000, UTC).date()
        for at_ms in {call.at_ms // 3_600_000 * 3_600_000 for call in batch}
    )
    routes = calls.routes_of(batch)
    calls.append(calls.rows_of(batch, routes))
    tallies = CallTallies()
    for call, route in zip(batch, routes, strict=True):
        tallies.add(call, route)
    rollups.add_calls(tallies)
    usage.record_key_usage(
        hours=[
            usage.KeyHour(key_id, hour, sums[ALLOWED_PLACE], sums[UNITS_PLACE])
            for (_, key_id, hour), sums in sorted(tallies.by_key_hour.items())
            if sums[ALLOWED_PLACE]
        ],
        sightings=calls.sightings(batch),
    )


def retry_rejected(*, batch_size: int = BATCH_SIZE) -> int:
    """Count the events that were set aside and can be counted now; return how many. The others stay as they are."""
    settled = last = 0
    while rows := _rejected(after=last, most=batch_size):
        settled += _retry(rows)
        last = rows[-1][0]
    return settled


def _rejected(*, after: int, most: int) -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, stream_id, payload FROM analytics_rejectedevent WHERE id > %s"
            " ORDER BY id LIMIT %s",
            [after, most],
        )
        return list(cursor.fetchall())


def _retry(rows: list[tuple[int, str, str]]) -> int:
    try:
        return _retry_together(rows)
    except (psycopg.Error, DatabaseError) as error:
        if not _is_about_values(error):
            raise
        # Closing in on what the database refuses, as when it was set aside.
        middle = len(rows) // 2
        return _retry(rows[:middle]) + _retry(rows[middle:]) if middle else 0


@transaction.atomic
def _retry_together(rows: list[tuple[int, str, str]]) -> int:
    wait_for_checkpoint()
    entries = {Entry(stream_id, payload.encode()): pk for pk, stream_id, payload in rows}
    batch = decoded(list(entries), _span())
    record(calls.without_known(calls.without_repetitions(batch.calls)))
    kept = {rejection.entry for rejection in batch.rejections}
    settled = [pk for entry, pk in entries.items() if entry not in kept]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_rejectedevent WHERE id = ANY(%s)", [settled])
    return len(settled)


def _span() -> Span:
    now = timezone.now()
    first_kept = partitions.first_kept(today=now.date())
    return Span(
        datetime.combine(first_kept, datetime.min.time(), UTC).timestamp() * 1000,
        (now + _MAX_AHEAD).timestamp() * 1000,
    )


def _lock_checkpoint() -> str | None:
    """Take the checkpoint's lock and return how far it is; None when another process has it."""
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "SELECT last_id FROM analytics_ingestcheckpoint WHERE name = %s"
                " FOR UPDATE SKIP LOCKED",
                [CHECKPOINT],
            )
            row = cursor.fetchone()
            if row is not None:
                return str(row[0])
            _begin_checkpoint()
    return None


def wait_for_checkpoint() -> None:
    """Take the checkpoint's lock for the present transaction, so that nobody else writes to log or roll-ups."""
    _begin_checkpoint()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM analytics_ingestcheckpoint WHERE name = %s FOR UPDATE", [CHECKPOINT]
        )


def reached() -> str:
    """Return the id of the last entry of the stream that is in the log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT last_id FROM analytics_ingestcheckpoint WHERE name = %s", [CHECKPOINT]
        )
        row = cursor.fetchone()
    return str(row[0]) if row else _BEGINNING


def _begin_checkpoint() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_ingestcheckpoint (name, last_id, updated_at)"
            " VALUES (%s, %s, now()) ON CONFLICT DO NOTHING",
            [CHECKPOINT, _BEGINNING],
        )


def _move_checkpoint(last_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analytics_ingestcheckpoint SET last_id = %s, updated_at = now() WHERE name = %s",
            [last_id, CHECKPOINT],
        )


def _set_aside(rejections: list[Rejection]) -> None:
    with connection.cursor() as cursor:
        for rejection in rejections:
            cursor.execute(
                "INSERT INTO analytics_rejectedevent (stream_id, payload, reason, created_at)"
                " VALUES (%s, %s, %s, now()) ON CONFLICT DO NOTHING",
                [rejection.entry.id, _readable(rejection.entry.payload), rejection.reason],
            )


def _readable(payload: bytes | None) -> str:
    return (payload or b"").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
