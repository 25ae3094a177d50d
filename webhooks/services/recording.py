"""Who writes down what came of attempts: a thread with a connection of its own, beside whoever claims."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Self

from django.db import connection

from webhooks.services import results
from webhooks.transport import Sender

# While so many are with the sender, results gather for a moment: a bulk of them costs little more than one.
_MANY = 100
_GATHER_SECONDS = 0.005
_LISTEN_SECONDS = 0.02
# What a crash of the database takes back of the last moment's claims and results is sent again after the lease, as it
# is when we die: nothing is gained by waiting for the disk at each of them.
_RELAX = "SET synchronous_commit = off"
_INSIST = "RESET synchronous_commit"


class Recorder:
    """Records results as they come in, so that others are claimed meanwhile.

    Inside a transaction, which no other connection sees into, they are recorded by whoever waits for them.
    """

    def __init__(self, sender: Sender, *, dice: Callable[[], float]) -> None:
        self._sender = sender
        self._dice = dice
        self._is_beside = not connection.in_atomic_block
        self._is_news = threading.Event()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="webhook-recorder", daemon=True)
        # How many results were written, and how many of them are attempts: not those that were handed back unsent.
        self.written = 0
        self.made = 0

    def __enter__(self) -> Self:
        if self._is_beside:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what is being written; what comes in later is left to its lease."""
        self._stopping.set()
        if self._is_beside:
            self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most, and return whether results were written. Raises what kept them from being written."""
        if not self._is_beside:
            return self._write(seconds)
        is_news = self._is_news.wait(seconds)
        self._is_news.clear()
        if self._failure is not None:
            raise self._failure
        return is_news

    def _live(self) -> None:
        try:
            with unhurried():
                while not self._stopping.is_set():
                    if self._write(_LISTEN_SECONDS) and self._sender.held >= _MANY:
                        self._stopping.wait(_GATHER_SECONDS)
        except Exception as failure:  # noqa: BLE001  (raised where somebody waits)
            self._failure = failure
        finally:
            connection.close()
            self._is_news.set()

    def _write(self, seconds: float) -> bool:
        finished = self._sender.collect(seconds=seconds)
        if finished:
            results.record(finished, dice=self._dice)
            self.made += sum(result.answer is not None for result in finished)
            self.written += len(finished)
            self._is_news.set()
        return bool(finished)


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Let this connection's commits not wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(_RELAX)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_INSIST)
