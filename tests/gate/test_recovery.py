"""After a start of Redis one gate compares the counters with PostgreSQL, and the others wait for it."""

import asyncio
import time
from contextlib import contextmanager

import pytest
from django.conf import settings

from apikeys.gateway import configuration, recovery
from apikeys.gateway.link import Address, Link
from apikeys.gateway.recovery import Recovery
from apikeys.models import KeyUsage

PERIOD = 1_700_000_000
KEYS = 1_500


@pytest.fixture
def counters(redis_client, house):
    """Counters of an old snapshot in a server that was just started: PostgreSQL knows of 7 units more of each key."""
    keys = [house.key().row for _ in range(2)]
    KeyUsage.objects.bulk_create(
        KeyUsage(
            api_key=key,
            organization_id=key.organization_id,
            hour="2026-02-01T00:00:00Z",
            units=7,
        )
        for key in keys
    )
    starts = range(PERIOD, PERIOD + KEYS)
    names = [f"{settings.REDIS_PREFIX}q:k:{key.pk}:{start}" for key in keys for start in starts]
    redis_client.mset(dict.fromkeys(names, 1))
    redis_client.delete(recovery.marker(settings.REDIS_PREFIX))
    yield names
    redis_client.delete(*names)


@pytest.fixture
def turn(redis_client):
    """The key that says whose turn it is."""
    name = f"{recovery.marker(settings.REDIS_PREFIX)}:turn"
    yield name
    redis_client.delete(name)


def _gates_are_ready(count):
    """Have so many gates connect at once; return how often a new run was noticed, once all of them count again."""
    told = configuration.from_settings()
    noticed = []

    async def connect():
        comparing = Recovery(told.database, told.redis_prefix, lambda: noticed.append(True))
        link = Link(Address.parse(told.redis_url), prepare=comparing.prepare)
        await link.start()
        is_up = link.is_up
        await link.stop()
        return is_up

    async def run():
        return await asyncio.gather(*(connect() for _ in range(count)))

    assert asyncio.run(run()) == [True] * count
    return len(noticed)


@contextmanager
def looked_through(redis_client):
    """Count how often somebody asks Redis for the next of its keys."""
    scans: list[int] = []
    redis_client.config_resetstat()
    yield scans
    scans.append(redis_client.info("commandstats")["cmdstat_scan"]["calls"])


def _raised(caplog):
    return [
        record.msg["counters"]
        for record in caplog.records
        if isinstance(record.msg, dict) and record.msg["event"] == "redis_counters_raised"
    ]


def test_one_of_several_gates_compares_and_all_know_of_the_new_run(
    redis_client, counters, turn, caplog
):
    with looked_through(redis_client) as once:
        assert _gates_are_ready(1) == 1
    redis_client.mset(dict.fromkeys(counters, 1))
    redis_client.delete(recovery.marker(settings.REDIS_PREFIX))

    with looked_through(redis_client) as together:
        assert _gates_are_ready(3) == 3

    assert once[0] <= together[0] < 2 * once[0]
    assert _raised(caplog) == [len(counters)] * 2
    assert set(redis_client.mget(counters)) == {b"7"}
    assert not redis_client.exists(turn)
    assert _gates_are_ready(1) == 0


def test_the_turn_of_a_gate_that_died_ends_by_itself(redis_client, counters, turn, caplog):
    redis_client.set(turn, "its run", px=recovery._TURN_MS)
    began = time.monotonic()

    assert _gates_are_ready(2) == 2

    assert time.monotonic() - began > recovery._TURN_MS / 1000 - 0.5
    assert _raised(caplog) == [len(counters)]
