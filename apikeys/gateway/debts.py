"""Calls that passed uncounted, since Redis was away or took nothing: counted as soon as it takes them.

That is done before their events are written. A counter that Redis lost meanwhile begins with PostgreSQL's sum, which
must not know of these calls yet.
"""

import asyncio
import secrets
from dataclasses import dataclass, field
from functools import partial

from apikeys.gateway.link import Link, LinkDown, NotDone, Reply
from apikeys.gateway.plans import Plan
from apikeys.gateway.script import COUNT, NO_SEED, Part
from apikeys.gateway.store import Store


@dataclass(slots=True)
class _Counting:
    """Calls that are counted together. Redis keeps the name, so that asking again counts nothing twice."""

    plan: Plan
    calls: int
    name: bytes = field(default_factory=lambda: secrets.token_hex(16).encode())
    is_unsure: bool = False


class Debts:
    """What this process owes to the counters."""

    def __init__(self, link: Link, store: Store) -> None:
        self._link = link
        self._store = store
        self._owing: set[Plan] = set()
        self._unsure: list[_Counting] = []
        self._open = 0

    @property
    def is_settling(self) -> bool:
        """Whether it is not known yet what came of the last counting."""
        return self._open > 0

    def add(self, plan: Plan, calls: int = 1) -> None:
        """Remember that calls passed uncounted."""
        plan.owed += calls
        self._owing.add(plan)

    def count_where_possible(self, plan: Plan) -> None:
        """Count one call at once in those counters that Redis has; the others know of it when they begin."""
        if len(plan.counters) > 1:
            self._count(_Counting(plan, 1), _no_seeds(plan))

    def settle(self) -> None:
        """Have everything counted."""
        countings, self._unsure = self._unsure, []
        owing, self._owing = self._owing, set()
        for plan in owing:
            countings.append(_Counting(plan, plan.owed))
            plan.owed = 0
        for counting in countings:
            self._count(counting)

    def _count(self, counting: _Counting, seeds: tuple[Part, ...] = ()) -> None:
        self._open += 1
        command = counting.plan.command(COUNT, counting.calls, counting.name, seeds)
        self._link.send(command, self._on_counted, counting)

    def _on_counted(self, counting: _Counting, answer: Reply) -> None:
        if isinstance(answer, NotDone) and not counting.is_unsure:
            self.add(counting.plan, counting.calls)
        elif isinstance(answer, LinkDown):
            counting.is_unsure = True
            self._unsure.append(counting)
        elif answer[0] < 0:
            future = self._store.seeds(counting.plan.counters)
            future.add_done_callback(partial(self._on_seeds, counting))
            return
        self._open -= 1

    def _on_seeds(self, counting: _Counting, future: "asyncio.Future[tuple[int, ...]]") -> None:
        # Without PostgreSQL no counter begins: its sums have these calls by the time somebody can ask for them.
        is_known = not future.cancelled() and future.exception() is None
        self._count(counting, future.result() if is_known else _no_seeds(counting.plan))
        self._open -= 1


def _no_seeds(plan: Plan) -> tuple[Part, ...]:
    return (NO_SEED,) * len(plan.counters)
