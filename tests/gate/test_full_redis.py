"""A Redis that answers and takes nothing: calls pass from memory, and are counted when there is room again."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import cast

import pytest
import redis

from apikeys.gateway import configuration
from apikeys.gateway.engine import Engine
from apikeys.gateway.limits import Rate
from apikeys.gateway.link import LinkDown
from apikeys.gateway.questions import Caller, Place, Question, Request
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode
from tests import servers
from tests.gate.builders import quota, record

FAST = Rate(10_000, 1, 10_000)
RULE = Route(mode=Mode.STRICT), Route(mode=Mode.LEASED)


class _Asked(Question):
    """A call whose answer is remembered."""

    answers: list[str]

    def allowed(self, *_: object) -> None:
        self.answers.append("passed")

    def refused(self, outcome: object, *_: object) -> None:
        self.answers.append(str(outcome))

    def unavailable(self, detail: str) -> None:
        self.answers.append(detail)


def _asked(route, number, answers):
    caller, place = Caller(None, None, b'null,""'), Place(route, b"/", b'"GET","/"')
    question = _Asked(cast("Request", None), b"", b"%032d" % number, perf_counter(), caller, place)
    question.answers = answers
    return question


@pytest.fixture
def observer(valkey):
    """An observer, with the database emptied and its memory unlimited."""
    with redis.Redis(port=valkey.port, password=servers.PASSWORD) as observer:
        observer.config_set("maxmemory", 0)
        observer.flushdb()
        yield observer
        observer.config_set("maxmemory", 0)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


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
        answers: list[str] = []

        async def call(times: int) -> None:
            for number in range(times):
                answered = len(answers)
                engine._decide(_asked(route, number, answers), known)
                await _until(lambda: len(answers) > answered)  # noqa: B023  (waited for within the round)

        await asyncio.gather(engine.link.start(), engine.store.open())
        await call(1)
        engine.leases.give_back_all()
        await _until(lambda: count() == 1)
        observer.config_set("maxmemory", 1)
        await call(3)
        await engine._settle()
        with contextlib.suppress(LinkDown):
            await engine.link.ask(b"*1\r\n$4\r\nPING\r\n")
        assert count() == 1
        observer.config_set("maxmemory", 0)
        await engine._settle()
        await _until(lambda: count() == 4)
        await engine.stop()
        return answers

    assert asyncio.run(live()) == ["passed"] * 4
