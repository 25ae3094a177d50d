"""The gate's connection to PostgreSQL, over a way that can be broken, and what it writes down when it is back."""

import asyncio
import os
import time
from dataclasses import replace

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from apikeys.gateway import configuration, store
from apikeys.gateway.engine import Engine
from apikeys.gateway.limits import Rate
from apikeys.gateway.plans import plan_of
from apikeys.gateway.routes import Route
from apikeys.gateway.store import Connection, StoreDown
from apikeys.models import ServiceKey
from apikeys.restrictions import Mode
from apikeys.services import service_keys
from tests import servers
from tests.doubles.faults import Fault, way_to_postgresql
from tests.gate.builders import organization_quota, quota, record
from tests.gate.core import call


@pytest.fixture
def way():
    """A way to PostgreSQL."""
    with way_to_postgresql() as way:
        yield way


@pytest.fixture
def chosen(way):
    """The gate's configuration, with that way in it."""
    settled = configuration.from_settings()
    return replace(settled, database={**settled.database, "port": way.port})


@pytest.fixture
def opened(monkeypatch):
    """The connections that were opened, each as the number of seconds it could take."""
    connect, calls = psycopg.AsyncConnection.connect, []

    async def counted(*arguments, **parameters):
        calls.append(parameters["connect_timeout"])
        return await connect(*arguments, **parameters)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", counted)
    return calls


def _ask(chosen, *acts, patience=30.0):
    """Ask before each act and, so patiently, after the last; return what that gave."""

    async def run():
        connection = Connection(chosen.database, 30)
        try:
            for act in acts:
                assert await connection.fetch("SELECT 7") == [(7,)]
                await asyncio.to_thread(act)
            connection._timeout = patience
            return await connection.fetch("SELECT 8")
        finally:
            await connection.close()

    return asyncio.run(run())


def _terminated():
    """End the gate's sessions as an administrator does."""
    with psycopg.connect(os.environ["TEST_DATABASE_SERVER"], autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE application_name = 'tollgate-gate' AND datname = %s",
            [connection.settings_dict["NAME"]],
        )


def test_a_connection_that_was_cut_is_replaced_within_the_question(way, chosen, opened):
    assert _ask(chosen, way.cut, way.cut) == [(8,)]
    assert len(opened) == 3


def test_a_session_that_was_ended_is_replaced_within_the_question(chosen, opened):
    assert _ask(chosen, _terminated) == [(8,)]
    assert len(opened) == 2


def test_a_server_that_is_away_is_tried_once_more(way, chosen, opened):
    with pytest.raises(StoreDown):
        _ask(chosen, lambda: way.break_by(Fault.REFUSED))

    assert len(opened) == 2


def test_a_silent_server_is_not_asked_again(way, chosen, opened):
    with pytest.raises(StoreDown):
        _ask(chosen, lambda: way.break_by(Fault.SWALLOWED), patience=0.5)

    assert len(opened) == 1


def test_a_refused_statement_is_not_repeated(chosen, opened):
    async def run():
        connection = Connection(chosen.database, 30)
        await connection.fetch("SELECT 7")
        await connection.fetch("SELECT 1 / 0")

    with pytest.raises(StoreDown, match="DivisionByZero"):
        asyncio.run(run())

    assert len(opened) == 1


@pytest.mark.django_db(transaction=True)
def test_uses_of_service_keys_that_could_not_be_written_are_kept(way, chosen, monkeypatch):
    monkeypatch.setattr(store, "_PAUSE_SECONDS", 0.0)
    early, late, never = (
        service_keys.create_service_key(
            name=name, scopes=["keys:verify"], by=None, at=timezone.now()
        )[0]
        for name in ("early", "late", "never")
    )

    async def live():
        engine = Engine(chosen)
        now = asyncio.get_running_loop().time()
        engine.service_key_used(record(key_id=early.pk, used_at=now - 3_000))
        engine.service_key_used(record(key_id=late.pk, used_at=now - 3_000))
        await asyncio.to_thread(way.break_by, Fault.REFUSED)
        await engine._mark_service_keys()
        engine.service_key_used(record(key_id=late.pk, used_at=now - 10))
        await asyncio.to_thread(way.heal)
        await engine._mark_service_keys()
        kept = len(engine._services_used)
        await engine.store.close()
        return kept

    assert asyncio.run(live()) == 0

    ages = {key.name: _age(key) for key in ServiceKey.objects.all()}
    assert ages.pop("never") is None
    assert 3_000 <= ages["early"] < 3_060
    assert 10 <= ages["late"] < 70
    assert never.last_used_at is None


def _age(key):
    used_at = key.last_used_at
    return None if used_at is None else (timezone.now() - used_at).total_seconds()


@pytest.mark.django_db(transaction=True)
def test_a_later_use_that_another_process_wrote_stays(chosen):
    at = timezone.now()
    key, _ = service_keys.create_service_key(name="shared", scopes=["keys:verify"], by=None, at=at)
    ServiceKey.objects.update(last_used_at=at)

    async def live():
        engine = Engine(chosen)
        now = asyncio.get_running_loop().time()
        engine.service_key_used(record(key_id=key.pk, used_at=now - 3_000))
        await engine._mark_service_keys()
        await engine.store.close()

    asyncio.run(live())

    assert ServiceKey.objects.get().last_used_at == at


@pytest.mark.django_db
@pytest.mark.parametrize("mode", [Mode.STRICT, Mode.LEASED])
def test_what_passes_while_one_counter_cannot_begin_counts_in_the_other(
    way, chosen, valkey, observer, mode
):
    known = record(Rate(10_000, 1, 10_000), quota(1_000), organization_quota(1_000))
    route = Route(mode=mode)
    own, shared = (
        counter.key
        for counter in plan_of(known, route, 1, time.time(), chosen.redis_prefix).counters
    )
    observer.set(shared, 40)

    async def live():
        url = f"redis://:{servers.PASSWORD}@127.0.0.1:{valkey.port}/0"
        engine = Engine(replace(chosen, redis_url=url))
        await asyncio.gather(engine.link.start(), engine.store.open())
        await asyncio.to_thread(way.break_by, Fault.REFUSED)
        answers = await call(engine, route, known, 3)
        await engine.stop()
        return answers

    assert asyncio.run(live()) == ["passed"] * 3
    assert observer.mget(own, shared) == [None, b"43"]
