"""What a process holds of a limit and does not use goes back, whatever happens to Redis meanwhile."""

import asyncio
import time
from dataclasses import replace

import pytest
from django.conf import settings

from apikeys.gateway import configuration
from apikeys.gateway.engine import Engine
from apikeys.gateway.limits import Rate
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode
from tests import servers
from tests.doubles.faults import Fault, faulty_way
from tests.gate.builders import quota, record
from tests.gate.core import call, put, soon

LEASED = Route(mode=Mode.LEASED)


@pytest.fixture
def used(observer):
    """Read how many calls the quota has counted."""

    def read():
        (counter,) = observer.keys(f"{settings.REDIS_PREFIX}q:k:7:*")
        return int(observer.get(counter))

    return read


def _engine(port):
    url = f"redis://:{servers.PASSWORD}@127.0.0.1:{port}/0"
    return Engine(replace(configuration.from_settings(), redis_url=url))


async def _holding(engine, known):
    """Call until something is held and nothing under way; return the number of calls and the lease."""
    await asyncio.gather(engine.link.start(), engine.store.open())
    answers = await call(engine, LEASED, known)
    (plan,) = known.plans.values()
    while not (plan.lease.left and not plan.lease.is_asking):
        answers += await call(engine, LEASED, known)
    assert set(answers) == {"passed"}
    return len(answers), plan.lease


async def _hoarding(engine, known):
    """Call until most of a full portion is held; return how much."""
    _, lease = await _holding(engine, known)
    while lease.is_asking or lease.left * 3 < lease.plan.portion * 2:
        for _ in range(3):
            put(engine, LEASED, known, [])
        await asyncio.sleep(0.01)
    return lease.left


@pytest.mark.django_db
def test_what_is_held_through_an_outage_goes_back(valkey, used):
    known = record(Rate(10_000, 1, 10_000), quota(1_000))

    async def live(way):
        engine = _engine(way.port)
        passed, lease = await _holding(engine, known)
        # The loop has no turn in between: nothing can be under way when the connection goes.
        way.break_by(Fault.REFUSED)
        await soon(lambda: not engine.link.is_up)
        held = lease.left
        assert held
        assert used() == passed + held
        way.heal()
        await soon(lambda: used() <= passed)
        await engine.stop()
        return passed

    with faulty_way(valkey.port) as way:
        assert asyncio.run(live(way)) == used()


@pytest.mark.django_db
def test_what_a_full_redis_does_not_take_back_is_kept_for_later(valkey, observer, used):
    known = record(Rate(10_000, 1, 10_000), quota(1_000))

    async def live():
        engine = _engine(valkey.port)
        passed, lease = await _holding(engine, known)
        held = lease.left
        observer.config_set("maxmemory", 1)
        engine.leases.give_back_all()
        assert not lease.left
        await soon(lambda: lease.left)
        assert (used(), lease.left) == (passed + held, held)
        observer.config_set("maxmemory", 0)
        await asyncio.sleep(0.25)
        engine.leases.sweep()
        await soon(lambda: used() <= passed)
        await engine.stop()
        return passed

    assert asyncio.run(live()) == used()


@pytest.mark.django_db
def test_what_is_held_is_not_spent_on_top_of_a_full_burst(valkey, observer):
    rate = Rate(400, 1, 400)

    async def live():
        gates = [(_engine(valkey.port), record(rate)) for _ in range(2)]
        held = [await _hoarding(*gate) for gate in gates]
        await asyncio.sleep(sum(held) / rate.limit + 0.05)
        answers: list[str] = []
        began = time.monotonic()
        for engine, known in gates * 500:
            put(engine, LEASED, known, answers)
        await soon(lambda: len(answers) == 1000)
        took = time.monotonic() - began
        await asyncio.gather(*(engine.stop() for engine, _ in gates))
        return held, answers.count("passed"), took

    held, passed, took = asyncio.run(live())

    assert min(held) >= 8
    assert passed <= rate.burst + rate.limit * took
