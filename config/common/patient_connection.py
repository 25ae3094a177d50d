"""A connection to PostgreSQL that does not wait for ever: web processes have few threads, and each may hang on one.

A server that hangs, or a proxy in between that takes bytes and gives none, is not noticed by TCP's own clocks.
"""

from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg

# Longer than any page or answer may take; statements that wait for a lock are among them.
ANSWER_SECONDS: Final = 15.0
# What the pool asks before it hands out a connection costs a server that lives no time at all.
CHECK_SECONDS: Final = 2.0

ResultT = TypeVar("ResultT")


class NoAnswer(psycopg.OperationalError):
    """The server said nothing for too long; the connection is closed."""


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself, and says so, when the server is silent."""

    _patience = ANSWER_SECONDS

    def wait(
        self,
        gen: Generator[Any, Any, ResultT],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> ResultT:
        """Wait for one answer."""
        seconds = self._patience if timeout is None else timeout
        try:
            return super().wait(gen, interval=interval, timeout=seconds)
        except psycopg.errors._WaitTimeout as late:  # noqa: SLF001  the driver has no other name for it
            if timeout is not None:
                raise
            # Whatever comes now would be taken for the answer to another question.
            self.pgconn.finish()
            raise NoAnswer(f"no answer from the server for {seconds:g} s") from late

    def execute(self, *arguments: Any, **options: Any) -> Any:
        """Run what the pool's check asks, and nothing else does: Django has cursors of its own."""
        self._patience = CHECK_SECONDS
        try:
            return super().execute(*arguments, **options)
        finally:
            self._patience = ANSWER_SECONDS
