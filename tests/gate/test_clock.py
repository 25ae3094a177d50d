"""A clock that is set back leaves nobody with the plans of a period that has not begun."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apikeys.gateway import blocking, configuration, engine, plans
from apikeys.gateway.engine import Engine
from apikeys.gateway.routes import RouteTable
from tests.gate.builders import quota, record

JUNE = datetime(2040, 6, 1, 0, 0, 1, tzinfo=UTC).timestamp()
MAY = JUNE - 3600


@pytest.fixture
def key():
    """A key with a plan of June in memory."""
    known = record()
    known = replace(known, quotas=(quota(10),), plans={})
    known.plans["route"] = plans.plan_of(
        known, RouteTable().match(slug="", host="", method="GET", uri="/"), 1, JUNE, ""
    )
    assert known.plans["route"].valid_until > JUNE + 29 * 86_400
    return known


@pytest.mark.parametrize(("later", "is_kept"), [(JUNE + 1, True), (MAY, False)])
def test_engine_forgets_plans_when_its_clock_goes_back(key, monkeypatch, later, is_kept):
    nowhere = replace(configuration.from_settings(), database={"host": "127.0.0.1", "port": "1"})

    async def look_twice() -> None:
        gate = Engine(nowhere)
        gate.directory.records[b"secret"] = key
        for now in (JUNE, later):
            key.used_at = asyncio.get_running_loop().time()
            monkeypatch.setattr(engine, "time", lambda at=now: at)
            await gate._look()

    asyncio.run(look_twice())

    assert bool(key.plans) is is_kept


@pytest.mark.django_db
@pytest.mark.parametrize(("later", "is_kept"), [(JUNE + 1, True), (MAY, False)])
def test_threads_forget_plans_when_their_clock_goes_back(key, monkeypatch, later, is_kept):
    known = blocking.Records(peppers=(), brand="tg")
    for moment, now in enumerate((JUNE, later), start=1):
        known._known["secret"] = key
        key.used_at = 10.0 * moment
        monkeypatch.setattr(blocking, "time", lambda at=now: at)
        monkeypatch.setattr(blocking, "monotonic", lambda at=10.0 * moment: at)
        known.find("another")

    assert bool(key.plans) is is_kept
