"""The gate itself: takes questions, finds the key, checks it, has the script count the call, answers.

One engine per process and event loop. It never raises into a front end and never answers 500: what it cannot find
out it says so, by the policy for what is away.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from time import time
from typing import Any, Final

import structlog

from apikeys.gateway import script
from apikeys.gateway.debts import Debts
from apikeys.gateway.decision import refusal_of, scope_refusal_of
from apikeys.gateway.directory import Directory
from apikeys.gateway.leases import Lease, Leases
from apikeys.gateway.link import Address, Link, LinkDown, NotDone, Reply
from apikeys.gateway.local import LocalCounting
from apikeys.gateway.memory import Remembered
from apikeys.gateway.metering import Buffer, now_ms
from apikeys.gateway.metrics import Metrics
from apikeys.gateway.options import Configuration
from apikeys.gateway.plans import Count, Plan, numbers_of, plan_of, read_answer
from apikeys.gateway.questions import Head, Question
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.recovery import Recovery
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import RouteTable
from apikeys.gateway.store import Store, StoreDown
from apikeys.gateway.subscription import Subscription

logger = structlog.get_logger(__name__)

# Together with the length of one look-up this keeps a revoked key from passing for longer than 2 s.
_REVALIDATE_SECONDS: Final = 0.8
_SWEEP_SECONDS: Final = 0.05
_SETTLE_SECONDS: Final = 1.0
_SERVICE_KEYS_SECONDS: Final = 60.0
_FORGET_SECONDS: Final = 30.0
_MAX_HEADS: Final = 1024
_MAX_PLANS: Final = 256


class Engine:
    """Records, route table, Redis and PostgreSQL, put together."""

    def __init__(self, configuration: Configuration) -> None:
        address = Address.parse(configuration.redis_url)
        self.configuration = configuration
        self.metrics = Metrics()
        self.routes = RouteTable()
        self.store = Store(configuration.database)
        self._recovery = Recovery(
            configuration.database, configuration.redis_prefix, self._on_new_run
        )
        self.link = Link(address, on_up=self._on_link_up, prepare=self._recovery.prepare)
        self._debts = Debts(self.link, self.store)
        self.directory = Directory(self.store, configuration.peppers, configuration.brand)
        self.buffer = Buffer(f"{configuration.redis_prefix}usage")
        self.leases = Leases(
            self.link,
            on_allowed=self._allow_leased,
            on_refused=self._refuse_counted,
            on_seed=self._seed,
            on_down=self._on_link_down,
        )
        channel = f"{configuration.redis_prefix}invalidate"
        self._subscription = Subscription(address, channel, self._on_message, self._hurry)
        self._prefix = configuration.redis_prefix
        self.on_routes: Callable[[], None] = lambda: None
        # Whole questions by their bytes, with what was read in them. They hold keys: not kept for long.
        self.heads: Remembered[bytes, Head] = Remembered(_MAX_HEADS)
        self._local = LocalCounting(configuration.processes)
        self._services_used: dict[int, float] = {}
        self._routes_version = ""
        self._looked_at = 0.0
        self._revalidate_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, load the route table, and keep watching from now on."""
        await asyncio.gather(self.link.start(), self.store.open())
        await self._look()
        await self._subscription.start()
        self._tasks = [
            asyncio.create_task(self._keep(self._look, _REVALIDATE_SECONDS, self._revalidate_now)),
            asyncio.create_task(self._keep(self._tidy, _SWEEP_SECONDS)),
            asyncio.create_task(self._keep(self._settle, _SETTLE_SECONDS)),
            asyncio.create_task(self._keep(self._mark_service_keys, _SERVICE_KEYS_SECONDS)),
            asyncio.create_task(self._keep(self._forget, _FORGET_SECONDS)),
        ]

    async def stop(self) -> None:
        """Hand back leases, have everything counted, write what is buffered, close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._subscription.stop()
        self.leases.give_back_all()
        await self._settle()
        for _ in range(20):
            if not self._debts.is_settling:
                self.buffer.flush(self.link.send_all)
                if not len(self.buffer):
                    break
            await asyncio.sleep(0.05)
        await self._mark_service_keys()
        await self.link.stop()
        await self.store.close()

    def ask(self, question: Question) -> None:
        """Decide one call. The answer is given through the question, now or later."""
        record = self.directory.records.get(question.secret)
        if record is not None:
            self._decide(question, record)
        elif self._routes_version:
            self.directory.load(question.secret, partial(self._on_record, question))
        else:
            # Without the rules no call may pass, and nobody has been in memory yet.
            self.unavailable(question, "The gate has not read its rules yet.")

    def find(self, secret: bytes, then: Callable[[KeyRecord | StoreDown | None], None]) -> None:
        """Hand on the record of a presented secret; a service key is remembered as used."""
        record = self.directory.records.get(secret)
        if record is None:
            self.directory.load(secret, then)
            return
        record.used_at = self.directory.now
        then(record)

    def service_key_used(self, record: KeyRecord) -> None:
        """Remember to write down that a service key was presented."""
        self._services_used[record.key_id] = record.used_at

    def _on_record(self, question: Question, record: KeyRecord | StoreDown | None) -> None:
        if record is None:
            self.refuse(question, Outcome.NOT_FOUND)
        elif isinstance(record, StoreDown):
            self.metrics.counters["unknown_keys_unavailable"] += 1
            self.unavailable(question, "The key cannot be looked up at the moment.")
        else:
            self._decide(question, record)

    def _decide(self, question: Question, record: KeyRecord) -> None:
        record.used_at = self.directory.now
        now = time()
        if record.is_checked:
            outcome = refusal_of(
                record, now * 1000, question.caller.address, question.caller.origin
            )
            if outcome is Outcome.NOT_FOUND:
                self.refuse(question, outcome)
                return
            if outcome is not None:
                self._refuse_planned(question, self._plan(record, question, now), outcome)
                return
        plan = self._plan(record, question, now)
        outcome = plan.refusal
        if outcome is None and question.asked is not None:
            outcome = scope_refusal_of(record, plan.route, question.asked, question.resource)
        if outcome is not None:
            self._refuse_planned(question, plan, outcome)
        elif plan.is_leased and self.link.is_up:
            self.leases.ask(question, plan, now)
        elif self.link.is_up:
            event = question.event(plan, b"VALID", plan.cost)
            self.link.send(plan.take(event), self._on_taken, (question, plan))
        else:
            self._decide_locally(question, plan)

    def _plan(self, record: KeyRecord, question: Question, now: float) -> Plan:
        route, cost = question.place.route, question.cost
        name = route if cost is None else (route, cost)
        plan: Plan | None = record.plans.get(name)
        if plan is None or now >= plan.valid_until:
            if len(record.plans) >= _MAX_PLANS:
                record.plans.clear()
            units = route.cost if cost is None else cost
            plan = record.plans[name] = plan_of(
                record, route, units, now, self._prefix, processes=self.configuration.processes
            )
        return plan

    def _on_taken(self, context: tuple[Question, Plan], answer: Reply) -> None:
        question, plan = context
        if isinstance(answer, LinkDown):
            self._on_link_down(question, plan, answer)
        elif answer[0] < 0:
            self._seed(question, plan)
        elif answer[0]:
            credits_micro = answer[-1] if plan.has_credits else None
            self._allow(question, plan, numbers_of(plan, answer, time()), credits_micro)
        else:
            self._refuse_counted(question, plan, read_answer(plan, answer, time()))

    def _on_link_down(self, question: Question, plan: Plan, down: LinkDown) -> None:
        # Where nobody knows whether the script ran, the event has the same id and the units are not counted again.
        self._decide_locally(question, plan, is_owed=isinstance(down, NotDone))

    def _seed(self, question: Question, plan: Plan) -> None:
        """Load what the counters' periods have used, then count the call together with it."""
        future = self.store.seeds(plan.counters)
        future.add_done_callback(partial(self._on_seeds, question, plan))

    def _on_seeds(
        self, question: Question, plan: Plan, future: "asyncio.Future[tuple[int, ...]]"
    ) -> None:
        if future.cancelled() or future.exception() is not None:
            if plan.has_credits:
                self.unavailable(question, "The credits cannot be counted at the moment.")
            # Its event reaches PostgreSQL's sums in time, from which the missing counter will be seeded.
            elif self._decide_locally(question, plan, is_owed=False):
                self._debts.count_where_possible(plan)
            return
        event = question.event(plan, b"VALID", plan.cost)
        command = plan.command(script.TAKE, 1, event, future.result())
        self.link.send(command, self._on_taken, (question, plan))

    def _decide_locally(self, question: Question, plan: Plan, *, is_owed: bool = True) -> bool:
        """Decide without Redis: rates by this process alone, quotas counted afterwards, money not at all.

        Return whether the call passed.
        """
        self.metrics.counters["decided_locally"] += 1
        if plan.has_credits:
            self.unavailable(question, "The credits cannot be counted at the moment.")
            return False
        count = self._local.count(plan)
        if not count.granted:
            self._refuse_counted(question, plan, count)
            return False
        if is_owed and plan.counters:
            self._debts.add(plan)
        self.buffer.add(question.event(plan, b"VALID", plan.cost, now_ms()))
        self._allow(question, plan, count.numbers, None)
        return True

    def _allow_leased(self, question: Question, lease: Lease, now: float) -> None:
        plan = lease.plan
        self.buffer.add(question.event(plan, b"VALID", plan.cost, int(now * 1000)))
        self.metrics.observe("VALID", question.started)
        question.allowed_by_lease(plan, lease.numbers, lease.head)

    def _allow(
        self, question: Question, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None
    ) -> None:
        self.metrics.observe("VALID", question.started)
        question.allowed(plan, numbers, credits_micro)

    def _refuse_counted(self, question: Question, plan: Plan, count: Count) -> None:
        outcome = count.failed or Outcome.RATE_LIMITED
        self._refuse_planned(question, plan, outcome, count)

    def _refuse_planned(
        self, question: Question, plan: Plan, outcome: Outcome, count: Count | None = None
    ) -> None:
        self.buffer.add(question.event(plan, outcome.encode(), 0, now_ms()))
        self.refuse(question, outcome, plan, count)

    def refuse(
        self,
        question: Question,
        outcome: Outcome,
        plan: Plan | None = None,
        count: Count | None = None,
    ) -> None:
        """Answer a refusal and count it."""
        self.metrics.observe(outcome, question.started)
        question.refused(outcome, plan, count)

    def unavailable(self, question: Question, detail: str) -> None:
        """Answer that nobody can say at the moment."""
        self.metrics.observe(Outcome.UNAVAILABLE, question.started)
        question.unavailable(detail)

    async def _keep(
        self,
        work: Callable[[], Awaitable[None]],
        seconds: float,
        hurry: asyncio.Event | None = None,
    ) -> None:
        """Do something again and again, whatever comes of it."""
        while True:
            if hurry is None:
                await asyncio.sleep(seconds)
            else:
                with contextlib.suppress(TimeoutError):
                    # `wait_for` of Python 3.11 may lose a cancellation.
                    async with asyncio.timeout(seconds):
                        await hurry.wait()
                hurry.clear()
            try:
                await work()
            except Exception:
                logger.exception("gate_upkeep_failed")

    async def _look(self) -> None:
        """Compare records and rules with PostgreSQL. While it is away, what is known goes on being used."""
        self._heed_clock()
        try:
            await self.directory.revalidate()
            version = await self.store.routes_version()
            if version != self._routes_version:
                self.routes = await self.store.routes()
                self._routes_version = version
                self.directory.forget_plans()
                self.heads.clear()
                self.on_routes()
        except StoreDown as error:
            self.metrics.counters["postgres_failures"] += 1
            logger.warning("gate_without_postgres", error=str(error))

    def _heed_clock(self) -> None:
        """Have plans made anew when the clock was set back: theirs may count in a period that has not begun."""
        now = time()
        if now < self._looked_at:
            self.directory.forget_plans()
        self._looked_at = now

    async def _tidy(self) -> None:
        if self.link.is_up:
            self.leases.sweep()
            if not self._debts.is_settling:
                self.buffer.flush(self.link.send_all)

    async def _mark_service_keys(self) -> None:
        """Write down when service keys were used; what cannot be written now is kept for the next time."""
        used = dict(self._services_used)
        if not used:
            return
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(StoreDown):
            await self.store.mark_service_keys_used({key: now - at for key, at in used.items()})
            for key, at in used.items():
                if self._services_used[key] == at:
                    del self._services_used[key]

    async def _forget(self) -> None:
        self.heads.clear()

    def _on_new_run(self) -> None:
        """Hand nothing back to a server that may not know it was taken."""
        self.leases.forget()

    def _on_link_up(self) -> None:
        self.metrics.counters["redis_connections"] += 1
        self.leases.give_back_all()
        self._debts.settle()

    async def _settle(self) -> None:
        if self.link.is_up:
            self._debts.settle()

    def _on_message(self, message: dict[str, Any]) -> None:
        self.directory.drop(message)
        if message.get("apis"):
            self._hurry()

    def _hurry(self) -> None:
        """Look at the versions at once: something was announced, or announcements may have been missed."""
        self._revalidate_now.set()

    def metrics_text(self) -> str:
        """Return everything that is measured here, for Prometheus."""
        self.metrics.counters["lookups"] = self.directory.lookups
        return self.metrics.text(
            {
                "redis_up": float(self.link.is_up),
                "postgres_up": float(self.store.is_up),
                "records": float(len(self.directory.records)),
                "known_questions": float(len(self.heads)),
                "buffered_events": float(len(self.buffer)),
                "dropped_events": float(self.buffer.dropped),
            }
        )
