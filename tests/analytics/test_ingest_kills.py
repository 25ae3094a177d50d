"""Ingestion by real processes that die by SIGKILL: what was written to the stream is what is counted."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import count, islice, takewhile
from pathlib import Path
from random import SystemRandom

import orjson
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models import Sum

from analytics.models import (
    ApiUsageLog,
    DailyRouteUsage,
    DailyUsage,
    HourlyKeyUsage,
    HourlyUsage,
    IngestCheckpoint,
)
from analytics.services import ingest, rebuilding
from apikeys.models import KeyUsage
from config.common import redis as store
from tests.analytics.pen import event, new_key, snapshot, waiting
from tests.doubles.fixtures import enterable_directory
from tests.patience import until
from tests.servers import PASSWORD, own_valkey

RANDOM = SystemRandom()
ROOT = Path(__file__).resolve().parents[2]


def start_ingestion(batch_size: int, **environment: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "manage.py"), "ingest_usage", "--follow"]
    return subprocess.Popen(
        [*command, "--batch-size", str(batch_size)],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
    )


def write_all(events: Iterable[list], per_second: int) -> None:
    """Write events at a steady rate, one in fifty of them twice, as a gate does that retries a flush."""
    started = time.monotonic()
    pipeline = store.client().pipeline(transaction=False)
    for number, each in enumerate(events, start=1):
        for _ in range(2 if number % 50 == 0 else 1):
            pipeline.xadd(f"{settings.REDIS_PREFIX}usage", {"e": orjson.dumps(each)})
        if number % 100 == 0:
            pipeline.execute()
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
    pipeline.execute()


def last_counted() -> str | None:
    """Return the stream id up to which everything has been counted."""
    return IngestCheckpoint.objects.values_list("last_id", flat=True).first()


def kill_at_work(batch_size: int) -> None:
    """Start ingestion, wait until it has counted something, and kill it soon after."""
    before = last_counted()
    process = start_ingestion(batch_size)

    def has_counted() -> bool:
        assert process.poll() is None
        return last_counted() != before

    until(has_counted, "ingestion counted nothing", every=0.002)
    time.sleep(RANDOM.uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    process.wait()


def require_exactness(events: list[list]) -> None:
    allowed = [each for each in events if each[7] == "VALID"]
    logged = ApiUsageLog.objects.values_list("request_id", flat=True)
    assert sorted(logged) == sorted(each[0] for each in events)
    for table in (HourlyUsage, HourlyKeyUsage, DailyRouteUsage, DailyUsage):
        sums = table.objects.aggregate(Sum("calls"), Sum("allowed"), Sum("units"))
        assert list(sums.values()) == [len(events), len(allowed), sum(each[8] for each in allowed)]
    usage = KeyUsage.objects.aggregate(Sum("calls"), Sum("units"))
    assert list(usage.values()) == [len(allowed), sum(each[8] for each in allowed)]


def endless_events(organization) -> Iterator[list]:
    keys = [new_key(organization) for _ in range(5)]
    return (
        event(
            RANDOM.choice(keys),
            units=RANDOM.randint(1, 9),
            outcome=RANDOM.choice(["VALID", "VALID", "RATE_LIMITED"]),
        )
        for _ in count()
    )


def require_rebuilding_changes_nothing() -> None:
    before = snapshot()
    days = [row["day"] for row in before["DailyUsage"]]
    rebuilt = list(rebuilding.rebuild(first=min(days), last=max(days)))
    assert all((day.corrected, day.removed) == (0, 0) for day in rebuilt)
    assert snapshot() == before


def drain_when_free():
    """Drain the stream; PostgreSQL may take a moment to notice that whoever held the checkpoint is dead."""

    def is_empty() -> bool:
        ingest.drain()
        return waiting() == 0

    until(is_empty, "something was left in the stream")


@pytest.mark.django_db(transaction=True)
def test_killed_processes_lose_and_double_nothing(organization):
    events = list(islice(endless_events(organization), 2_000))

    for half in (events[:1_000], events[1_000:]):
        write_all(half, per_second=100_000)
        kill_at_work(batch_size=10)
    drain_when_free()

    assert waiting() == 0
    require_exactness(events)
    require_rebuilding_changes_nothing()


@pytest.mark.trial
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_processes_killed_while_calls_come_in_lose_and_double_nothing(organization):
    events: list[list] = []
    enough = threading.Event()

    def written() -> Iterator[list]:
        for each in takewhile(lambda _: not enough.is_set(), endless):
            events.append(each)
            yield each

    endless = endless_events(organization)
    writer = threading.Thread(target=write_all, args=(written(), 1_000))
    writer.start()
    try:
        for batch_size in [7, 50, 400] * 7:
            kill_at_work(batch_size)
    finally:
        enough.set()
        writer.join()
    drain_when_free()

    assert waiting() == 0
    require_exactness(events)
    require_rebuilding_changes_nothing()


@pytest.mark.django_db(transaction=True)
def test_the_long_running_command_stops_on_sigterm(organization):
    key = new_key(organization)
    process = start_ingestion(batch_size=100)
    write_all([event(key)], per_second=1000)
    until(lambda: waiting() == 0, "the event was not taken")
    process.terminate()

    assert process.wait(timeout=60) == 0
    assert ApiUsageLog.objects.count() == 1


def wait_for_calls(number: int) -> None:
    until(lambda: ApiUsageLog.objects.count() == number, f"{number} calls were never counted")


@pytest.mark.django_db(transaction=True)
def test_the_long_running_command_survives_lost_connections(organization):
    key = new_key(organization)
    with enterable_directory() as home, own_valkey(home) as valkey:
        url = f"redis://:{PASSWORD}@127.0.0.1:{valkey.port}/0"
        process = start_ingestion(batch_size=100, REDIS_URL=url)
        stream = redis.Redis.from_url(url)
        name = f"{settings.REDIS_PREFIX}usage"
        try:
            stream.xadd(name, {"e": orjson.dumps(event(key))})
            wait_for_calls(1)

            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            stream.xadd(name, {"e": orjson.dumps(event(key))})
            wait_for_calls(2)

            valkey.stop()
            time.sleep(1)
            valkey.start()
            valkey.wait()
            stream.xadd(name, {"e": orjson.dumps(event(key))})
            wait_for_calls(3)
        finally:
            process.terminate()
            process.wait(timeout=60)
