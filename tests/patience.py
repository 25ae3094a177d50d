"""Waiting for what must come however slow the machine is, and telling the machine's slowness from ours."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Found = TypeVar("Found")

# What a machine that stands still may cost; nothing that works waits for it.
PATIENCE_SECONDS = 60.0
_TICK_SECONDS = 0.01
# A shorter delay is the turn of another thread, no machine that stands still.
_NOTICED_SECONDS = 0.02


def until(
    look: Callable[[], Found],
    otherwise: str = "it did not happen",
    *,
    seconds: float = PATIENCE_SECONDS,
    every: float = 0.01,
) -> Found:
    """Look again and again until something is there, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(every)
    return found


def within_one(period: str, *, seconds: float = 30.0) -> None:
    """Wait for the next minute, hour or day, if this one ends so soon that a test might see two of them."""
    length = {"minute": 60, "hour": 3_600, "day": 86_400}[period]
    left = length - time.time() % length
    if left < seconds:
        time.sleep(left)


class Machine:
    """Adds up how long the machine kept a thread waiting that had nothing to do but to wake up."""

    def __init__(self) -> None:
        self._stood_still = 0.0
        self._looks = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Machine":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def stood_still(self) -> float:
        """For how many seconds so far, what has ended just now included."""
        looks = self._looks
        while self._thread.is_alive() and self._looks == looks:
            time.sleep(_TICK_SECONDS / 10)
        return self._stood_still

    def _watch(self) -> None:
        while not self._is_over.is_set():
            before = time.monotonic()
            time.sleep(_TICK_SECONDS)
            late = time.monotonic() - before - _TICK_SECONDS
            if late > _NOTICED_SECONDS:
                self._stood_still += late
            self._looks += 1


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Check that the block takes no longer, but for the time in which the machine stood still."""
    began = time.monotonic()
    with Machine() as machine:
        yield
        took = time.monotonic() - began
    assert took <= seconds + machine.stood_still, f"it took {took:.3f} s"
