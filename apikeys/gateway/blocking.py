"""The same decision for blocking code: Django's database connection, redis-py, threads. DRF's classes use it.

Records are remembered as in the gate: all of them are compared with PostgreSQL's versions by the first request that
comes 0.8 s after the last comparison, so that no change is missed for longer.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic, time
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from apikeys import secrets
from apikeys.gateway import configuration, records, script
from apikeys.gateway.link import Address, LinkDown
from apikeys.gateway.local import LocalCounting
from apikeys.gateway.plans import Count, Plan, plan_of, read_answer, seed_columns
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.recovery import marker
from apikeys.gateway.routes import NO_API
from apikeys.gateway.wire import Wire

logger = structlog.get_logger(__name__)

_COMPARE_SECONDS: Final = 0.8
_IDLE_SECONDS: Final = 30.0
_MAX_RECORDS: Final = 20_000


def _fetch(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@dataclass(slots=True)
class Records:
    """What this process knows of presented secrets; shared by its threads."""

    peppers: tuple[secrets.Pepper, ...]
    brand: str
    _known: dict[str, KeyRecord] = field(default_factory=dict)
    _compared_at: float = 0.0
    _looked_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, secret: str) -> KeyRecord | None:
        """Return the record of a secret, None when its form is wrong or nobody has it."""
        now = monotonic()
        if now - self._compared_at > _COMPARE_SECONDS:
            self._compare(now)
        record = self._known.get(secret)
        if record is None:
            record = self._load(secret)
        if record is not None:
            record.used_at = now
        return record

    def _load(self, secret: str) -> KeyRecord | None:
        if not secret.isascii() or secrets.parse(secret, brand=self.brand) is None:
            return None
        digests = list(secrets.digests(secret, self.peppers))
        found = records.read_rows(_fetch(records.LOAD_SQL, [digests]))
        record = next((found[digest] for digest in digests if digest in found), None)
        if record is not None:
            if len(self._known) >= _MAX_RECORDS:
                self._known.clear()
            self._known[secret] = record
        return record

    def _compare(self, now: float) -> None:
        with self._lock:
            if now - self._compared_at <= _COMPARE_SECONDS:
                return
            self._heed_clock()
            known = [
                (secret, record)
                for secret, record in list(self._known.items())
                if now - record.used_at < _IDLE_SECONDS
            ]
            ids = [record.secret_id for _, record in known]
            try:
                versions = dict(_fetch(records.VERSIONS_SQL, [ids])) if ids else {}
            except DatabaseError as error:
                # What is known goes on being used while PostgreSQL is away, as in the gate; those who waited for the
                # lock do not each wait for PostgreSQL, too.
                logger.warning("keys_not_compared", error=type(error).__name__)
                self._compared_at = monotonic()
                return
            self._known = {
                secret: record
                for secret, record in known
                if versions.get(record.secret_id) == record.version
            }
            self._compared_at = now

    def _heed_clock(self) -> None:
        """Have plans made anew when the clock was set back: theirs may count in a period that has not begun."""
        now = time()
        if now < self._looked_at:
            for record in list(self._known.values()):
                record.plans.clear()
        self._looked_at = now


@lru_cache(maxsize=1)
def known_records() -> Records:
    """Return this process's records."""
    chosen = configuration.from_settings()
    return Records(chosen.peppers, chosen.brand)


@lru_cache(maxsize=1)
def _prefix() -> str:
    return configuration.from_settings().redis_prefix


@lru_cache(maxsize=4)
def _wire_to(url: str) -> Wire:
    return Wire(Address.parse(url), marker(_prefix()))


# A bucket is asked and taken from in two steps, which no other thread may come between.
_local_lock = threading.Lock()


@lru_cache(maxsize=1)
def _local() -> LocalCounting:
    return LocalCounting(configuration.from_settings().processes)


def plan_for(record: KeyRecord, cost: int) -> Plan:
    """Return what a call of so many units is held to outside any described API."""
    now = time()
    plan: Plan | None = record.plans.get(cost)
    if plan is None or now >= plan.valid_until:
        plan = record.plans[cost] = plan_of(record, NO_API, cost, now, _prefix())
    return plan


def count(plan: Plan, event: bytes) -> Count | None:
    """Have the script count one call; None when nobody can say, which only money makes of Redis's absence."""
    try:
        answer = _answer(plan, plan.take(event), 1, event)
    except LinkDown as error:
        logger.warning("call_counted_locally", error=str(error))
        if plan.has_credits:
            return None
        with _local_lock:
            return _local().count(plan)
    return read_answer(plan, answer, time())


def credits_left(key_id: int) -> int | None:
    """Return the micro-units that a key's credits have left, by the counter that calls are counted in.

    Nothing is counted. None when the key needs no credits, or when nobody can say at the moment.
    """
    for _, document, version in _fetch(records.OF_KEYS_SQL, [[key_id]]):
        plan = plan_for(records.read_record(document, version), 0)
        try:
            answer = _answer(plan, plan.command(script.TAKE, 0), 0)
        except LinkDown:
            return None
        return read_answer(plan, answer, time()).credits_micro
    return None


def _answer(plan: Plan, command: bytes, calls: int, event: bytes = b"") -> list[int]:
    """Have the script run, a second time where it asks for seeds. Raises LinkDown."""
    wire = _wire_to(settings.REDIS_URL)
    answer: list[int] = wire.ask(command)
    if answer[0] < 0:
        answer = wire.ask(plan.command(script.TAKE, calls, event, _seeds(plan)))
    return answer


def _seeds(plan: Plan) -> tuple[int, ...]:
    used = dict(_fetch(records.SEEDS_SQL, seed_columns(plan.counters)))
    return tuple(used[n] for n in range(len(plan.counters)))
