"""Units of calls that passed and turned out not to count: they leave the lasting sums at once, Redis's counters next.

What Redis is owed stands in a row until it is done. A mark, set by the script that lowers the counters, keeps a process
that dies in between from having it done twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog
from django.db import transaction
from redis import RedisError

from apikeys.gateway.plans import counters_of
from apikeys.models import ReturnedUnits
from apikeys.services import counters, usage
from config.common import redis

logger = structlog.get_logger(__name__)

_HOUR_MS: Final = 3_600_000
# KEYS the mark, then counters; ARGV by how much to lower each. A counter that is not there is one of a period that is
# over, or begins with PostgreSQL's sum, which knows. The mark outlives every row that waits for a Redis.
_LOWER: Final = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', 2592000) then return 0 end
for i, amount in ipairs(ARGV) do
  local used = redis.call('GET', KEYS[i + 1])
  if used then
    redis.call('SET', KEYS[i + 1], string.format('%.0f', math.max(0, used - amount)), 'KEEPTTL')
  end
end
return 1
"""


class Uncounted(NamedTuple):
    """A call that passed for so many units and is to cost none."""

    key_id: int
    at_ms: int
    units: int


def take_back(calls: Sequence[Uncounted]) -> None:
    """Lower what keys used, in the transaction of whoever found out; quotas and credits have it once that commits."""
    usage.record_key_usage(
        hours=[
            usage.KeyHour(call.key_id, call.at_ms // _HOUR_MS, 0, -call.units) for call in calls
        ],
        sightings=(),
    )
    # Most keys have neither a quota nor credits.
    if amounts := _amounts(calls):
        ReturnedUnits.objects.create(counters=amounts)
        transaction.on_commit(settle, robust=True)


def settle() -> int:
    """Lower Redis's counters by everything that is owed; return how many batches that were.

    While Redis is away they stay; a job tries again every minute.
    """
    settled = 0
    try:
        while _settle_oldest():
            settled += 1
    except (RedisError, OSError) as error:
        logger.warning("returned_units_wait", error=type(error).__name__)
    return settled


@transaction.atomic
def _settle_oldest() -> bool:
    owed = ReturnedUnits.objects.select_for_update(skip_locked=True).order_by("pk").first()
    if owed is None:
        return False
    # With its time: a database that was restored gives numbers again.
    mark = f"returned:{owed.pk}:{owed.created_at.timestamp():.6f}"
    names = [redis.key(mark), *map(redis.key, owed.counters)]
    redis.client().eval(_LOWER, len(names), *names, *owed.counters.values())
    owed.delete()
    return True


def _amounts(calls: Sequence[Uncounted]) -> dict[str, int]:
    """Return by how much each counter has to go down."""
    of_keys = counters.records_of(call.key_id for call in calls)
    amounts: defaultdict[str, int] = defaultdict(int)
    for call in calls:
        if record := of_keys.get(call.key_id):
            at = datetime.fromtimestamp(call.at_ms / 1000, UTC)
            for counter in counters_of(record, call.units, at, prefix="")[0]:
                # Credits that were given later did not pay for it.
                if counter.starts_at <= at.timestamp():
                    amounts[counter.name_at_rest] += counter.amount
    return dict(amounts)
