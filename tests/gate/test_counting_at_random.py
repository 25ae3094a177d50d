"""Several processes, one key, and whatever comes to mind: no window lets too many pass, and every unit counts once."""

import asyncio
import contextlib
import time
from dataclasses import replace
from random import Random

import pytest
from django.conf import settings

from apikeys.gateway import configuration
from apikeys.gateway.engine import Engine
from apikeys.gateway.limits import Rate
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode
from tests import servers
from tests.doubles.bucket import most_at_once
from tests.gate.builders import quota, record
from tests.gate.core import put, soon

SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.trial) for seed in range(3, 20))]
STRICT, LEASED = Route(mode=Mode.STRICT), Route(mode=Mode.LEASED)
RATE = Rate(400, 1, 400)


class _Call(list[str]):
    """A call's answer, noted with its time."""

    def __init__(self, units: int = 1) -> None:
        self.units, self.sent, self.got = units, time.monotonic(), 0.0

    def append(self, answer: str) -> None:
        self.got = time.monotonic()
        super().append(answer)


@contextlib.asynccontextmanager
async def _processes(port, number, limits):
    """Run gates as they run, each with a record of its own."""
    url = f"redis://:{servers.PASSWORD}@127.0.0.1:{port}/0"
    chosen = replace(configuration.from_settings(), redis_url=url, processes=number)
    gates = [(Engine(chosen), record(*limits)) for _ in range(number)]
    await asyncio.gather(*(engine.start() for engine, _ in gates))
    try:
        yield gates
    finally:
        await asyncio.gather(*(engine.stop() for engine, _ in gates))


@pytest.mark.django_db
@pytest.mark.parametrize("route", [STRICT, LEASED], ids=["strict", "leased"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_window_holds_more_than_burst_and_rate(valkey, observer, route, seed):
    random, calls = Random(seed), []  # noqa: S311  (repeatable, and no secret)

    async def ask(gates, number):
        for _ in range(number):
            engine, known = random.choice(gates)
            calls.append(_Call())
            put(engine, route, known, calls[-1])

    async def live():
        async with _processes(valkey.port, random.randint(2, 4), [RATE]) as gates:
            for _ in range(3):
                for _ in range(random.randint(10, 60)):
                    await ask(gates, random.randint(1, 4))
                    await asyncio.sleep(random.uniform(0.003, 0.012))
                await asyncio.sleep(random.choice([0.0, 0.05, 0.1, 0.4]))
                await ask(random.sample(gates, random.randint(1, len(gates))), 600)
                await soon(lambda: all(calls))
            return sum(engine.metrics.counters["decided_locally"] for engine, _ in gates)

    assert asyncio.run(live()) == 0
    passed = [(call.sent, call.got) for call in calls if call == ["passed"]]
    assert len(passed) > RATE.burst / 2
    assert most_at_once(passed, rate=RATE.limit) <= RATE.burst


@pytest.mark.django_db
@pytest.mark.parametrize("seed", SEEDS)
def test_every_unit_counts_once_whatever_redis_refuses(valkey, observer, seed):
    random, calls = Random(seed), []  # noqa: S311  (repeatable, and no secret)
    routes = [STRICT, LEASED, replace(LEASED, cost=3)]

    def ask(gates):
        for _ in range(random.randint(1, 40)):
            (engine, known), route = random.choice(gates), random.choice(routes)
            calls.append(_Call(route.cost))
            put(engine, route, known, calls[-1])

    async def live():
        limits = [Rate(10_000, 1, 10_000), quota(10**9)]
        async with _processes(valkey.port, 3, limits) as gates:
            for _ in range(40):
                ask(gates)
                await asyncio.sleep(random.choice([0.0, 0.002, 0.02, 0.06, 0.3]))
                _disturb(random, observer, random.choice(gates)[0])
            observer.config_set("maxmemory", 0)
            await soon(lambda: all(calls))
            await soon(lambda: all(engine.link.is_up for engine, _ in gates))

    asyncio.run(live())

    names = observer.keys(f"{settings.REDIS_PREFIX}q:k:7:*")
    counted = sum(int(observer.get(name)) for name in names)
    assert counted == sum(call.units for call in calls if call == ["passed"])


def _disturb(random, observer, engine):
    """Let Redis be full or not, forget its script, or lose a connection while nothing is under way on it.

    What becomes of something that is under way, nobody could know.
    """
    match random.randint(0, 5):
        case 0:
            observer.config_set("maxmemory", random.choice([0, 1]))
        case 1:
            observer.script_flush()
        case 2:
            connection = engine.link._connection
            if connection is not None and connection.pending == len(connection._out):
                connection.abort()
