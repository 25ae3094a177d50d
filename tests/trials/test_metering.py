"""What clients saw pass is what is in the log, whatever is killed meanwhile."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db.models import Sum

from analytics.models import ApiUsageLog, HourlyKeyUsage, HourlyUsage
from apikeys.models import KeyUsage
from tests.doubles.callers import Callers
from tests.doubles.house import House, Issued
from tests.doubles.stack import Gate, Program, Stack
from tests.patience import Machine

LONG = [pytest.mark.trial, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def ingestion(stack: Stack) -> Program:
    """The process that moves calls from the stream into the log."""
    return stack.command("ingestion", "ingest_usage", "--follow")


@pytest.fixture(scope="module")
def jobs(stack: Stack) -> list[Program]:
    """The worker and the clock."""
    return [stack.worker(), stack.beat()]


def test_a_killed_gate_and_a_killed_ingestion_lose_nothing(
    house: House, gates: list[Gate], ingestion: Program, redis_client: redis.Redis
) -> None:
    key = house.key(quota_limit=10**9, quota_period="month")

    callers = _under_kills(key, gates, [gates[0], ingestion], calls=2_000, pace=0.02, pause=0.8)

    _require_the_same_everywhere(key, callers, redis_client)


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_twenty_thousand_calls_survive_every_kill(
    house: House,
    gates: list[Gate],
    ingestion: Program,
    jobs: list[Program],
    redis_client: redis.Redis,
) -> None:
    key = house.key(quota_limit=10**9, quota_period="month")
    victims = [gates[0], ingestion, jobs[0], gates[1], ingestion, gates[0], jobs[1], gates[1]]

    callers = _under_kills(key, gates, victims, calls=20_000, pace=0.02, pause=1.5)

    _require_the_same_everywhere(key, callers, redis_client)


@pytest.mark.parametrize(("calls", "rounds"), [(2_000, 1), pytest.param(20_000, 4, marks=LONG)])
def test_leases_lose_log_rows_of_a_moment_and_never_a_charge(
    calls: int, rounds: int, house: House, gates: list[Gate], redis_client: redis.Redis
) -> None:
    key = house.key(quota_limit=10**9, quota_period="month")
    victims = [gates[0], gates[1]] * rounds

    with Machine() as machine:
        callers = _under_kills(
            key, gates, victims, calls=calls, pace=0.02, pause=1.0, uri="/leased/1"
        )

    _ingest()
    seen, logged = callers.tally.ids(204), _logged(key)
    assert _charged(key, redis_client) >= len(seen)
    assert logged <= seen | callers.tally.ids(0)
    # 100 ms of what one process answers, and as much again for a tick that comes late on a busy machine.
    per_second = len(seen) / callers.tally.seconds / len(gates)
    assert len(seen - logged) <= per_second * (len(victims) * 0.2 + machine.stood_still)


def test_a_quota_holds_though_gates_die(house: House, gates: list[Gate]) -> None:
    key = house.key(quota_limit=1_000, quota_period="month")
    callers = Callers([gate.port for gate in gates], [key.secret], uri="/leased/1")
    callers.pace = 0.02

    clients = threading.Thread(target=lambda: callers.for_seconds(4, connections=32))
    clients.start()
    time.sleep(0.4)
    for gate in gates:
        gate.kill()
        gate.start()
    clients.join()

    assert callers.passed <= 1_000
    assert callers.tally.statuses.keys() <= {204, 429, 0}


def _under_kills(
    key: Issued,
    gates: Sequence[Gate],
    victims: Sequence[Program],
    *,
    calls: int,
    pace: float,
    pause: float,
    uri: str = "/orders/1",
) -> Callers:
    """Let 32 clients make so many calls while one program after another is killed and started again."""
    callers = Callers([gate.port for gate in gates], [key.secret], uri=uri)
    callers.pace = pace
    clients = threading.Thread(target=lambda: callers.so_often(calls, connections=32))
    clients.start()
    for victim in victims:
        time.sleep(pause)
        victim.kill()
        victim.start()
    clients.join()
    assert callers.tally.statuses.keys() <= {204, 0, 503}
    assert callers.passed >= calls
    return callers


def _require_the_same_everywhere(key: Issued, callers: Callers, client: redis.Redis) -> None:
    """Compare what clients saw with the log, the roll-ups and the counters, then do all the work once more."""
    _ingest()
    seen, logged = callers.tally.ids(204), _logged(key)
    assert seen <= logged
    assert logged - seen <= callers.tally.ids(0)
    sums = _sums(key)
    assert sums == {"log": len(logged), "hours": len(logged), "keys": len(logged)}
    assert _charged(key, client) == len(logged)

    _ingest()
    call_command("rebuild_rollups")

    assert _logged(key) == logged
    assert _sums(key) == sums


def _ingest() -> None:
    call_command("ingest_usage", verbosity=0)


def _logged(key: Issued) -> set[str]:
    calls = ApiUsageLog.objects.filter(api_key_id=key.row.pk, outcome="VALID")
    return set(calls.values_list("request_id", flat=True))


def _sums(key: Issued) -> dict[str, Any]:
    mine: dict[str, Any] = {"api_key_id": key.row.pk}
    return {
        "log": ApiUsageLog.objects.filter(**mine, outcome="VALID").count(),
        "hours": HourlyKeyUsage.objects.filter(**mine).aggregate(n=Sum("allowed"))["n"],
        "keys": KeyUsage.objects.filter(**mine).aggregate(n=Sum("calls"))["n"],
    }


def _charged(key: Issued, client: redis.Redis) -> int:
    """Return what the key's quota counter says."""
    (name,) = client.keys(f"{settings.REDIS_PREFIX}q:k:{key.row.pk}:*")
    return int(client.get(name) or 0)


def test_an_hour_of_the_organization_is_the_sum_of_its_keys(house: House) -> None:
    _ingest()

    hours = HourlyUsage.objects.filter(organization_id=house.organization.pk)
    keys = HourlyKeyUsage.objects.filter(organization_id=house.organization.pk)

    assert hours.aggregate(n=Sum("allowed")) == keys.aggregate(n=Sum("allowed"))
