"""What a bucket has room for, reckoned from the moments at which the gate decided: an oracle beside the gate's script."""

from collections.abc import Callable, Iterable

from tests.doubles.house import Issued

# The calls of a key that ended so, by id, with the second in which that was decided.
Usage = Callable[[Issued, str], dict[str, float]]


def rooms(
    granted: Iterable[float], refused: Iterable[float], *, rate: float, burst: float
) -> tuple[list[float], list[float]]:
    """Return for how many calls a bucket, full at first, had room when each was granted and when each was refused."""
    level, since = float(burst), 0.0
    at_grant, at_refusal = [], []
    for at, is_refused in sorted([(at, False) for at in granted] + [(at, True) for at in refused]):
        level, since = min(burst, level + rate * (at - since)), at
        if is_refused:
            at_refusal.append(level)
        else:
            at_grant.append(level)
            level -= 1
    return at_grant, at_refusal
