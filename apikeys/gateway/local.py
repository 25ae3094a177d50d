"""Counting while Redis is away: rates by the buckets of this process alone. Quotas are counted later, money is not."""

from time import monotonic_ns, time
from typing import Final

from apikeys.gateway.limits import LocalBucket, Rate
from apikeys.gateway.plans import Bucket, Count, Plan, refused

_MAX_BUCKETS: Final = 100_000


class LocalCounting:
    """The buckets of one process, which grants its share of each rate; `processes` says how many share it."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        # By the rate, too: one that is changed meanwhile holds at once.
        self._buckets: dict[tuple[str, Rate], LocalBucket] = {}

    def count(self, plan: Plan) -> Count:
        """Let one call pass every bucket or none. Quotas are told as if nothing of them were used."""
        now = monotonic_ns() // 100
        buckets = [self._bucket(bucket) for bucket in plan.buckets]
        is_granted = all(bucket.has_token(now) for bucket in buckets)
        if is_granted:
            for bucket in buckets:
                bucket.take(now)
        numbers = [number for bucket in buckets for number in bucket.numbers(now)]
        second = int(time())
        for counter in plan.counters:
            numbers += [counter.limit, max(0, counter.ends_at - second)]
        return Count(1, tuple(numbers)) if is_granted else refused(plan, tuple(numbers))

    def _bucket(self, bucket: Bucket) -> LocalBucket:
        place = bucket.key, bucket.rate
        found = self._buckets.get(place)
        if found is None:
            if len(self._buckets) >= _MAX_BUCKETS:
                self._buckets.clear()
            found = self._buckets[place] = LocalBucket(bucket.rate, self._processes)
        return found
