"""Rates and their arithmetic in integers: what one bucket is, for the script, for leases and for the local stand-in."""

from dataclasses import dataclass
from typing import Final

# The script keeps time in ticks of 100 ns, fine enough for rates far above what one Redis can be asked. A test holds
# both sides to this number.
TICKS_PER_SECOND: Final = 10_000_000
_MAX_DEPTH_TICKS: Final = 2**52
# A bucket holds at most what a plan's ceiling lets through in a minute, or the ceiling would mean little.
BURST_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` calls per `per_seconds`, of which `burst` may come at once."""

    limit: int
    per_seconds: int
    burst: int

    @property
    def interval(self) -> int:
        """Ticks until one more call is granted, rounded up: never more calls than the rate says."""
        return max(1, -(-self.per_seconds * TICKS_PER_SECOND // self.limit))

    @property
    def depth(self) -> int:
        """Ticks that a full bucket is worth, cut to what stays exact in Lua's doubles."""
        return min(self.burst, max(1, _MAX_DEPTH_TICKS // self.interval)) * self.interval

    @property
    def window_seconds(self) -> int:
        """Seconds in which an empty bucket fills up, rounded up: the window of the advertised policy."""
        tokens = self.depth // self.interval
        return max(1, -(-tokens * self.per_seconds // self.limit))

    def clamped(self, ceiling: int | None) -> "Rate":
        """Return the rate cut to so many calls per second, and to as many at once as these make in a minute."""
        if ceiling is None:
            return self
        # A ceiling of nothing at all would be a rate that nobody can divide by.
        limit = min(self.limit, max(1, ceiling * self.per_seconds))
        return Rate(limit, self.per_seconds, min(self.burst, max(1, ceiling * BURST_SECONDS)))


DEFAULT_RATE: Final = Rate(limit=10, per_seconds=1, burst=20)


class LocalBucket:
    """A token bucket of this process alone, used while Redis is away. Same arithmetic, any monotonic clock."""

    __slots__ = ("_depth", "_full_at", "_interval")

    def __init__(self, rate: Rate, processes: int = 1) -> None:
        self._interval = rate.interval * processes
        self._depth = max(self._interval, rate.depth)
        self._full_at = 0

    def has_token(self, now: int) -> bool:
        """Whether a call may pass at a moment in ticks."""
        return max(0, self._full_at - now) + self._interval <= self._depth

    def take(self, now: int) -> None:
        """Take a token that is there."""
        self._full_at = max(self._full_at, now) + self._interval

    def numbers(self, now: int) -> tuple[int, int]:
        """Return how many calls are left and the seconds until one more, rounded up."""
        waiting = max(0, self._full_at - now)
        left = (self._depth - waiting) // self._interval
        ticks = waiting - self._depth + (left + 1) * self._interval if waiting else 0
        return left, -(-ticks // TICKS_PER_SECOND)
