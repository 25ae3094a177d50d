"""What a bucket has room for, reckoned from the moments at which the gate decided: an oracle beside the gate's script."""

import math
from collections.abc import Callable, Iterable, Sequence

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


def most_at_once(calls: Sequence[tuple[float, float]], *, rate: float) -> float:
    """Return the burst that a bucket of this rate must have had to let these calls pass, told when each was sent and
    answered.

    It is the largest, over every window, of the calls that surely passed within it less what flowed in meanwhile. Windows
    begin with a call that is sent and end with one that is answered; a tree over the beginnings keeps the best of them.
    """
    calls = sorted(calls)
    size = 1 << (len(calls) - 1).bit_length()
    within, best = [0] * (2 * size), [-math.inf] * (2 * size)
    begins = [rate * (sent - calls[0][0]) for sent, _ in calls]
    most = 0.0
    sendings = [(sent, False, place) for place, (sent, _) in enumerate(calls)]
    answers = [(got, True, place) for place, (_, got) in enumerate(calls)]
    for at, is_over, place in sorted(sendings + answers):
        node = size + place
        within[node], best[node] = int(is_over), begins[place] + is_over
        while node := node >> 1:
            left, right = 2 * node, 2 * node + 1
            within[node] = within[left] + within[right]
            best[node] = max(best[right], best[left] + within[right])
        most = max(most, best[1] - rate * (at - calls[0][0]))
    return most
