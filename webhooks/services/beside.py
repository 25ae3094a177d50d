"""Work beside the caller's, over a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Generic, Self, TypeVar

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
        self._does: Executor = _AtOnce()
        if not connection.in_atomic_block:
            self._does = ThreadPoolExecutor(1, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let what is under way come to its end."""
        if isinstance(self._does, ThreadPoolExecutor):
            self._does.submit(_close)
        self._does.shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether there is work under way, or a result that nobody took."""
        return self._work is not None

    def begin(self, work: Callable[..., ResultT], *given: Any, **named: Any) -> None:
        """Begin a piece of work; the last one's result was taken."""
        assert self._work is None
        self._work = self._does.submit(_unhurried, work, *given, **named)
        self._work.add_done_callback(lambda _: self._news.set())

    def result(self) -> ResultT | None:
        """Take what the work came to; None until it is done. Raises what it raised."""
        if self._work is None or not self._work.done():
            return None
        work, self._work = self._work, None
        return work.result()


class _AtOnce(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as failure:  # noqa: BLE001  (raised to whoever takes the result)
            done.set_exception(failure)
        return done


def _unhurried(work: Callable[..., ResultT], *given: Any, **named: Any) -> ResultT:
    if connection.connection is None:
        unhurried()
    return work(*given, **named)


def _close() -> None:
    # Looked up in the thread that calls, whose connection it is.
    connection.close()


def unhurried() -> None:
    """Let commits of this connection not wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(_RELAX)
