"""Connections to PostgreSQL that do not wait for ever for a server that takes what it is sent and says nothing.

A server that hangs, or a proxy in between that takes bytes and gives none, is not noticed by TCP's own clocks. Web
processes have few threads, and each may hang on one; the others' statements may take hours.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg

# Longer than any page or answer may take; statements that wait for a lock are among them.
ANSWER_SECONDS: Final = 15.0
# What the pool asks before it hands out a connection costs a server that lives no time at all.
CHECK_SECONDS: Final = 2.0
# After so long without a byte a patient process begins to doubt, and so many doubts in a row are enough.
QUIET_SECONDS: Final = 30.0
DOUBTS: Final = 3

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


class WatchfulConnection(psycopg.Connection[Any]):
    """Waits as long as the server lives; a long silence has it ask on another connection whether it does."""

    def wait(
        self,
        gen: Generator[Any, Any, ResultT],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> ResultT:
        """Wait for one answer."""
        return super().wait(self._watched(gen), interval=interval, timeout=timeout)

    def _watched(self, gen: Generator[Any, Any, ResultT]) -> Generator[Any, Any, ResultT]:
        """Do as the driver's generator does, which is told of every interval in which nothing came."""
        doubts, quiet_since = 0, monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    doubts, quiet_since = 0, monotonic()
                elif monotonic() - quiet_since > QUIET_SECONDS:
                    doubts = 0 if self._is_answered_beside() else doubts + 1
                    quiet_since = monotonic()
                if doubts == DOUBTS:
                    self.pgconn.finish()
                    raise NoAnswer("no answer from the server, and none on other connections")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: ResultT = end.value
            return result

    def _is_answered_beside(self) -> bool:
        """Whether the server says anything to somebody else; a refusal is an answer, too."""
        parameters: dict[str, Any] = {
            **self.info.get_parameters(),
            "password": self.info.password,
            "connect_timeout": int(CHECK_SECONDS),
        }
        try:
            with PatientConnection.connect(**parameters, autocommit=True) as other:
                other.execute("")
        except (NoAnswer, psycopg.errors.ConnectionTimeout):
            return False
        except psycopg.Error:
            return True
        return True
