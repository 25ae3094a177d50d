"""A Redis that answers and takes nothing: calls pass from memory, and are counted when there is room again."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from django.conf import settings

from apikeys.gateway import configuration
from apikeys.gateway.engine import Engine
from apikeys.gateway.limits import Rate
from apikeys.gateway.link import LinkDown
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode
from tests import servers
from tests.doubles.faults import Fault, faulty_way
from tests.gate.builders import quota, record
from tests.gate.core import call, soon

FAST = Rate(10_000, 1, 10_000)
RULE = Route(mode=Mode.STRICT), Route(mode=Mode.LEASED)


@pytest.mark.django_db
@pytest.mark.parametrize("route", RULE, ids=["strict", "leased"])
def test_what_passed_is_counted_when_there_is_room(valkey, observer, route):
    url = f"redis://:{servers.PASSWORD}@127.0.0.1:{valkey.port}/0"
    chosen = replace(configuration.from_settings(), redis_url=url)
    known = record(FAST, quota(1_000))
    used = f"{chosen.redis_prefix}q:k:7:*"

    def count() -> int:
        return sum(int(observer.get(key) or 0) for key in observer.keys(used))

    async def live():
        engine = Engine(chosen)
        await asyncio.gather(engine.link.start(), engine.store.open())
        answers = await call(engine, route, known)
        engine.leases.give_back_all()
        await soon(lambda: count() == 1)
        observer.config_set("maxmemory", 1)
        answers += await call(engine, route, known, 3)
        await engine._settle()
        with contextlib.suppress(LinkDown):
            await engine.link.ask(b"*1\r\n$4\r\nPING\r\n")
        assert count() == 1
        observer.config_set("maxmemory", 0)
        await engine._settle()
        await soon(lambda: count() == 4)
        await engine.stop()
        return answers

    assert asyncio.run(live()) == ["passed"] * 4


@pytest.mark.django_db
def test_what_passed_is_counted_before_the_process_ends(valkey, observer):
    known = record(FAST, quota(1_000))

    async def live():
        url = f"redis://:{servers.PASSWORD}@127.0.0.1:{valkey.port}/0"
        engine = Engine(replace(configuration.from_settings(), redis_url=url))
        await asyncio.gather(engine.link.start(), engine.store.open())
        observer.config_set("maxmemory", 1)
        answers = await call(engine, RULE[0], known, 3)
        observer.config_set("maxmemory", 0)
        await engine.stop()
        return answers

    assert asyncio.run(live()) == ["passed"] * 3
    (used,) = observer.keys(f"{settings.REDIS_PREFIX}q:k:7:*")
    assert observer.get(used) == b"3"


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [Fault.SWALLOWED, Fault.SLOW], ids=["not run", "run"])
def test_what_passed_is_counted_once_though_nobody_heard_whether_it_was(valkey, observer, fault):
    known = record(FAST, quota(1_000))

    def count() -> int:
        keys = observer.keys(f"{settings.REDIS_PREFIX}q:k:7:*")
        return sum(int(observer.get(key) or 0) for key in keys)

    async def live(way):
        url = f"redis://:{servers.PASSWORD}@127.0.0.1:{way.port}/0"
        engine = Engine(replace(configuration.from_settings(), redis_url=url))
        await asyncio.gather(engine.link.start(), engine.store.open())
        answers = await call(engine, RULE[0], known)
        observer.config_set("maxmemory", 1)
        answers += await call(engine, RULE[0], known, 3)
        observer.config_set("maxmemory", 0)
        await asyncio.to_thread(way.break_by, fault)
        await engine._settle()
        # Written by now.
        await asyncio.sleep(0)
        await soon(lambda: count() == (4 if fault is Fault.SLOW else 1))
        engine.link._connection.abort()
        await asyncio.to_thread(way.heal)
        await soon(lambda: engine.link.is_up and not engine._debts.is_settling)
        counted = count()
        await engine.stop()
        return answers, counted

    with faulty_way(valkey.port) as way:
        assert asyncio.run(live(way)) == (["passed"] * 4, 4)
