"""Batches of the stream, decoded; the next one is read while PostgreSQL still works on the one before."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from analytics.metering import events, stream
from analytics.metering.events import Call
from analytics.metering.stream import Entry


class Span(NamedTuple):
    """The time, in milliseconds, whose calls are counted; others are set aside."""

    first_ms: float
    last_ms: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """An entry that is not counted, and why."""

    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of the stream, oldest first, and what is in them. `after` is the id they follow, if they were asked for so."""

    entries: Sequence[Entry]
    calls: list[Call]
    rejections: list[Rejection]
    after: str


def decoded(entries: Sequence[Entry], span: Span, *, after: str = "") -> Batch:
    """Tell calls from what cannot be counted."""
    calls: list[Call] = []
    rejections: list[Rejection] = []
    for entry in entries:
        try:
            call = events.decode(entry.payload, at_ms=entry.at_ms)
        except events.Malformed as error:
            rejections.append(Rejection(entry, str(error)))
            continue
        if span.first_ms <= call.at_ms <= span.last_ms:
            calls.append(call)
        else:
            rejections.append(Rejection(entry, "The time is outside of what the log keeps."))
    return Batch(entries, calls, rejections, after)


class Reader:
    """Hands out batches. One that was read ahead is used only if the checkpoint is where it was expected."""

    def __init__(self, span: Callable[[], Span], *, size: int) -> None:
        self.size = size
        self._span = span
        self._threads: ThreadPoolExecutor | None = None
        self._ahead: Future[Batch] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def take(self, last_id: str, *, size: int) -> Batch:
        """Return the batch after the checkpoint, from the very beginning of the stream unless it was read ahead."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            batch = ahead.result()
            if batch.entries and batch.after == last_id and len(batch.entries) <= size:
                return batch
        return self._read(size, "")

    def read_ahead(self, after: str) -> None:
        """Begin to read what follows an entry."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="usage-reader")
        self._ahead = self._threads.submit(self._read, self.size, after)

    def _read(self, size: int, after: str) -> Batch:
        return decoded(stream.oldest(size, after=after), self._span(), after=after)
