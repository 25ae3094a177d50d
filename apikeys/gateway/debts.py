"""Calls that passed uncounted, since Redis was away or took nothing: counted as soon as it takes them.

That is done before their events are written. A counter that Redis lost meanwhile begins with PostgreSQL's sum, which
must not know of these calls yet.
"""

import asyncio
from functools import partial

from apikeys.gateway.link import Link, LinkDown, NotDone, Reply
from apikeys.gateway.plans import Plan
from apikeys.gateway.script import COUNT
from apikeys.gateway.store import Store


class Debts:
    """What this process owes to the counters."""

    def __init__(self, link: Link, store: Store) -> None:
        self._link = link
        self._store = store
        self._owing: set[Plan] = set()
        self._open = 0

    @property
    def is_settling(self) -> bool:
        """Whether it is not known yet what came of the last counting."""
        return self._open > 0

    def add(self, plan: Plan, calls: int = 1) -> None:
        """Remember that calls passed uncounted."""
        plan.owed += calls
        self._owing.add(plan)

    def settle(self) -> None:
        """Have everything counted."""
        owing, self._owing = self._owing, set()
        for plan in owing:
            calls, plan.owed = plan.owed, 0
            self._count(plan, calls)

    def _count(self, plan: Plan, calls: int, seeds: tuple[int, ...] = ()) -> None:
        self._open += 1
        self._link.send(plan.command(COUNT, calls, seeds=seeds), self._on_counted, (plan, calls))

    def _on_counted(self, context: tuple[Plan, int], answer: Reply) -> None:
        plan, calls = context
        if isinstance(answer, NotDone):
            self.add(plan, calls)
        elif not isinstance(answer, LinkDown) and answer[0] < 0:
            future = self._store.seeds(plan.counters)
            future.add_done_callback(partial(self._on_seeds, plan, calls))
            return
        self._open -= 1

    def _on_seeds(self, plan: Plan, calls: int, future: "asyncio.Future[tuple[int, ...]]") -> None:
        # Without PostgreSQL nothing is counted: its sums have these calls by the time somebody can ask for them.
        if not future.cancelled() and future.exception() is None:
            self._count(plan, calls, future.result())
        self._open -= 1
