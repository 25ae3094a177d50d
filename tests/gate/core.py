"""The gate's core without a server: calls that remember what they were answered, put to an engine of the test's own."""

import asyncio
import itertools
from collections.abc import Callable
from time import perf_counter
from typing import cast

from apikeys.gateway.engine import Engine
from apikeys.gateway.questions import Caller, Place, Question, Request
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.routes import Route

_numbers = itertools.count()


class Asked(Question):
    """A call whose answer is remembered."""

    answers: list[str]

    def allowed(self, *_: object) -> None:
        """Remember that it passed."""
        self.answers.append("passed")

    def refused(self, outcome: object, *_: object) -> None:
        """Remember why it did not."""
        self.answers.append(str(outcome))

    def unavailable(self, detail: str) -> None:
        """Remember what could not be found out."""
        self.answers.append(detail)


async def soon(is_so: Callable[[], bool]) -> None:
    """Let the engine work until something is so."""
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


async def call(engine: Engine, route: Route, known: KeyRecord, times: int = 1) -> list[str]:
    """Put calls one after another and return their answers."""
    answers: list[str] = []
    for number in range(times):
        put(engine, route, known, answers)
        await soon(lambda: len(answers) > number)  # noqa: B023  (waited for within the round)
    return answers


def put(engine: Engine, route: Route, known: KeyRecord, answers: list[str]) -> None:
    """Put one call whose answer is added to those that were given."""
    caller, place = Caller(None, None, b'null,""'), Place(route, b"/", b'"GET","/"')
    name = b"%032x" % next(_numbers)
    asked = Asked(cast("Request", None), b"", name, perf_counter(), caller, place)
    asked.answers = answers
    engine._decide(asked, known)
