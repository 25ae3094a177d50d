"""When the next attempt is made, and what an endpoint's results mean for it. Pure: the clock and the dice are arguments."""

from collections.abc import Callable
from datetime import datetime, timedelta

# After the first attempt, which is made at once: the wait before the second, the third …
SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
JITTER = 0.2
# Who is overloaded, or too slow, is left alone for a minute at least.
OVERLOADED_WAIT = timedelta(seconds=60)

DISABLE_AFTER = timedelta(days=5)
NOTICES = (50, 90, 100)
# Longer than any wait between two attempts at one message: who was not tried for so long did not fail all the time.
_LONGEST_SILENCE = timedelta(days=3)

CIRCUIT_OPENS_AFTER = 5
_CIRCUIT_FIRST_WAIT = timedelta(seconds=30)
_CIRCUIT_LONGEST_WAIT = timedelta(minutes=10)


def next_delay(
    tries: int, *, retry_after: timedelta | None, is_overloaded: bool, dice: Callable[[], float]
) -> timedelta | None:
    """Return how long to wait after so many tries; None when the schedule is at its end.

    `dice` returns 0.0 to 1.0. `Retry-After` is honored between the scheduled wait and twice that.
    """
    if tries > len(SCHEDULE):
        return None
    scheduled = SCHEDULE[tries - 1]
    delay = scheduled * (1 - JITTER + 2 * JITTER * dice())
    if is_overloaded:
        scheduled, delay = max(scheduled, OVERLOADED_WAIT), max(delay, OVERLOADED_WAIT)
    if retry_after is not None:
        delay = max(delay, min(max(retry_after, scheduled), 2 * scheduled))
    return delay


def failing_since(
    began: datetime | None, *, last_failure_at: datetime | None, at: datetime
) -> datetime:
    """Return since when an endpoint that fails now has been failing, as far as it was tried in between."""
    if began is None or last_failure_at is None or at - last_failure_at > _LONGEST_SILENCE:
        return at
    return began


def notice_due(*, failing_since: datetime, at: datetime, noticed_percent: int) -> int:
    """Return the highest notice that is due and was not given yet; 0 when none is."""
    share = (at - failing_since) / DISABLE_AFTER * 100
    due = max((percent for percent in NOTICES if share >= percent), default=0)
    return due if due > noticed_percent else 0


def circuit_wait(failures_in_a_row: int) -> timedelta | None:
    """Return for how long an endpoint is left alone after so many failures in a row; None when it is not."""
    if failures_in_a_row < CIRCUIT_OPENS_AFTER:
        return None
    doubled = min(failures_in_a_row - CIRCUIT_OPENS_AFTER, 10)
    wait: timedelta = min(_CIRCUIT_FIRST_WAIT * 2**doubled, _CIRCUIT_LONGEST_WAIT)
    return wait
