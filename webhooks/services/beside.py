"""Work beside the caller's, over a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

from django.db import connection

ResultT = TypeVar("ResultT")
# What a crash of the database takes back of the last moment's work is done again after the lease, as it is when we die:
# nothing is gained by waiting for the disk at each commit.
_RELAX = "SET synchronous_commit = off"


class Beside(Generic[ResultT]):
    """A thread that does one piece of work at a time and sets `news` when it is done.

    Inside a transaction, which no other connection sees into, the work is done at once by whoever begins it.
    """

    def __init__(self, name: str, *, news: threading.Event) -> None:
        self._news = news
        self._work: Future[ResultT] | None = None
        self._pool: ThreadPoolExecutor | None = None
        if not connection.in_atomic_block:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let what is under way come to its end."""
        if self._pool is not None:
            self._pool.submit(_close)
            self._pool.shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether there is work under way, or a result that nobody took."""
        return self._work is not None

    def begin(self, work: Callable[[], ResultT], *, is_small: bool = False) -> None:
        """Begin a piece of work; the last one's result was taken. What is small is not worth a thread and is done here."""
        assert self._work is None
        if self._pool is None or is_small:
            self._work = _done(work)
        else:
            self._work = self._pool.submit(_relaxed, work)
        self._work.add_done_callback(lambda _: self._news.set())

    def result(self) -> ResultT | None:
        """Take what the work came to; None until it is done. Raises what it raised."""
        if self._work is None or not self._work.done():
            return None
        work, self._work = self._work, None
        return work.result()


def _done(work: Callable[[], ResultT]) -> Future[ResultT]:
    done: Future[ResultT] = Future()
    try:
        done.set_result(work())
    except Exception as failure:  # noqa: BLE001  (raised to whoever takes the result)
        done.set_exception(failure)
    return done


def _relaxed(work: Callable[[], ResultT]) -> ResultT:
    if connection.connection is None:
        relax_commits()
    return work()


def _close() -> None:
    # Looked up in the thread that calls, whose connection it is.
    connection.close()


def relax_commits() -> None:
    """Let commits of this connection not wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(_RELAX)
