"""Ingestion by real processes that die by SIGKILL: what was written to the stream is what is counted."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pytest
from django.conf import settings
from django.db.models import Sum

from analytics.models import ApiUsageLog, DailyRouteUsage, DailyUsage, HourlyKeyUsage, HourlyUsage
from analytics.services import ingest, rebuilding
from apikeys.models import KeyUsage
from config.common import redis
from tests.analytics.conftest import event, key_of, snapshot, waiting

ROOT = Path(__file__).resolve().parents[2]


def start_ingestion(batch_size: int) -> subprocess.Popen:
    command = [sys.executable, ROOT / "manage.py", "ingest_usage", "--follow"]
    return subprocess.Popen(
        [*command, "--batch-size", str(batch_size)], cwd=ROOT, stderr=subprocess.DEVNULL
    )


def write_all(events: list[list], per_second: int) -> None:
    """Write events at a steady rate, one in fifty of them twice, as a gate does that retries a flush."""
    started = time.monotonic()
    pipeline = redis.client().pipeline(transaction=False)
    for number, each in enumerate(events, start=1):
        for _ in range(2 if number % 50 == 0 else 1):
            pipeline.xadd(f"{settings.REDIS_PREFIX}usage", {"e": orjson.dumps(each)})
        if number % 100 == 0:
            pipeline.execute()
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
    pipeline.execute()


def drained_under_kills(events: list[list], *, per_second: int, kills: int) -> int:
    """Ingest while killing and restarting the processes; return how often one was killed at work."""
    writer = threading.Thread(target=write_all, args=(events, per_second))
    writer.start()
    killed = 0
    while writer.is_alive() or (waiting() and killed < kills):
        process = start_ingestion(batch_size=random.choice([7, 50, 400]))
        deadline = time.monotonic() + 8
        before = waiting()
        while process.poll() is None and waiting() >= before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
    writer.join()
    return killed


def require_exactness(events: list[list]) -> None:
    allowed = [each for each in events if each[7] == "VALID"]
    logged = ApiUsageLog.objects.values_list("request_id", flat=True)
    assert sorted(logged) == sorted(each[0] for each in events)
    for table in (HourlyUsage, HourlyKeyUsage, DailyRouteUsage, DailyUsage):
        sums = table.objects.aggregate(Sum("calls"), Sum("allowed"), Sum("units"))
        assert list(sums.values()) == [len(events), len(allowed), sum(each[8] for each in allowed)]
    usage = KeyUsage.objects.aggregate(Sum("calls"), Sum("units"))
    assert list(usage.values()) == [len(allowed), sum(each[8] for each in allowed)]


def run(organization, *, count: int, per_second: int, kills: int) -> None:
    keys = [key_of(organization, f"Key {n}") for n in range(5)]
    events = [
        event(
            random.choice(keys),
            units=random.randint(1, 9),
            outcome=random.choice(["VALID", "VALID", "RATE_LIMITED"]),
        )
        for _ in range(count)
    ]

    killed = drained_under_kills(events, per_second=per_second, kills=kills)
    ingest.drain()

    assert killed >= 2
    assert waiting() == 0
    require_exactness(events)
    before = snapshot()
    first, last = (min(r["day"] for r in before["DailyUsage"]), max(r["day"] for r in before["DailyUsage"]))
    assert [(day.corrected, day.removed) for day in rebuilding.rebuild(first=first, last=last)] in (
        [(0, 0)],
        [(0, 0), (0, 0)],
    )
    assert snapshot() == before


@pytest.mark.django_db(transaction=True)
def test_killed_processes_lose_and_double_nothing(organization):
    run(organization, count=4_000, per_second=1_500, kills=3)


@pytest.mark.trial
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_many_killed_processes_lose_and_double_nothing(organization):
    run(organization, count=60_000, per_second=1_500, kills=30)


@pytest.mark.django_db(transaction=True)
def test_the_long_running_command_stops_on_sigterm(organization):
    key = key_of(organization)
    process = start_ingestion(batch_size=100)
    write_all([event(key)], per_second=1000)
    deadline = time.monotonic() + 10
    while waiting() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()

    assert process.wait(timeout=5) == 0
    assert ApiUsageLog.objects.count() == 1
