"""Latency as a mergeable histogram of logarithmic buckets, in whole milliseconds and whole numbers only.

Bucket 1 begins at 0 ms, and each next one begins `max(1, begin // 10)` later: buckets are exact below 20 ms and at
most a tenth of their value wide above, so a quantile is off by at most 5 %. The last bucket is open. The same formula
stands in SQL (`tollgate_latency_bucket`, `tollgate_histogram_quantile`); a test holds the two together.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence

LONGEST_MS = 600_000


def _begins() -> tuple[int, ...]:
    begins = [0]
    while begins[-1] < LONGEST_MS:
        begins.append(begins[-1] + max(1, begins[-1] // 10))
    return tuple(begins)


BEGINS = _begins()


def bucket(milliseconds: int) -> int:
    """Return the number, from 1, of the bucket that holds a latency."""
    return bisect_right(BEGINS, max(0, milliseconds))


def middle(number: int) -> int:
    """Return the latency that stands for all those in a bucket."""
    begin = BEGINS[number - 1]
    return begin + max(0, max(1, begin // 10) - 1) // 2


def add(histogram: list[int], number: int) -> None:
    """Count one more latency in a bucket; the list grows to hold it."""
    if len(histogram) < number:
        histogram.extend([0] * (number - len(histogram)))
    histogram[number - 1] += 1


def merged(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Return the histogram of everything that either histogram counts."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    return [count + (shorter[i] if i < len(shorter) else 0) for i, count in enumerate(longer)]


def quantile(histogram: Sequence[int], share: float) -> int | None:
    """Return the latency that `share` of the calls do not exceed (nearest rank); None when there are none."""
    total = sum(histogram)
    rank, seen = max(1, math.ceil(share * total)), 0
    for number, count in enumerate(histogram, start=1):
        seen += count
        if seen >= rank:
            return middle(number)
    return None
