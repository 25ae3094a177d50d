"""Redis's counters where a limit begins to hold: while there was none, nobody counted there, and PostgreSQL alone knows."""

from collections.abc import Iterable
from functools import partial

import structlog
from django.db import connection, transaction
from django.utils import timezone
from redis import RedisError

from apikeys.gateway import records
from apikeys.gateway.plans import counters_of, seed_columns
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.recovery import RAISE
from apikeys.models import ApiKey
from config.common import redis

logger = structlog.get_logger(__name__)


def catch_up(*key_ids: int) -> None:
    """Raise, once this transaction is committed, these keys' counters to what was used since the period began."""
    transaction.on_commit(partial(_catch_up, key_ids), robust=True)


def catch_up_organization(organization_id: int) -> None:
    """Raise likewise the counter that an organization's keys share."""
    one = ApiKey.objects.unrevoked().filter(organization_id=organization_id).order_by("pk")[:1]
    catch_up(*one.values_list("pk", flat=True))


def records_of(key_ids: Iterable[int]) -> dict[int, KeyRecord]:
    """Return what the gate knows of these keys, by id."""
    with connection.cursor() as cursor:
        cursor.execute(records.OF_KEYS_SQL, [sorted(set(key_ids))])
        found = [records.read_record(document, version) for _, document, version in cursor]
    return {record.key_id: record for record in found}


def _catch_up(key_ids: Iterable[int]) -> None:
    now, prefix = timezone.now(), redis.key("")
    counters = [
        counter
        for record in records_of(key_ids).values()
        for counter in counters_of(record, 1, now, prefix)[0]
    ]
    if not counters:
        return
    with connection.cursor() as cursor:
        cursor.execute(records.SEEDS_SQL, seed_columns(counters))
        used = dict(cursor)
    names = [counter.key for counter in counters]
    try:
        redis.client().eval(RAISE, len(names), *names, *(used[n] for n in range(len(names))))
    except (RedisError, OSError) as error:
        logger.warning("counters_not_raised", error=type(error).__name__)
