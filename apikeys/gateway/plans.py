"""What the script is to count for one key on one route, and how its answer is read.

A plan is everything that stays the same from call to call: built once, used until a period ends or the record changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from apikeys.gateway import script
from apikeys.gateway.decision import scope_refusal_of
from apikeys.gateway.limits import Rate
from apikeys.gateway.records import KeyRecord, Quota
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode, period_of, refill_period

MICRO: Final = 1_000_000
# What all processes together may hold, and as much of the burst is kept from leases for their sake.
_LEASED_OF_BURST: Final = 16
_FEWEST_PROCESSES: Final = 2
_PORTIONS_PER_SECOND: Final = 20  # a portion is at most 50 ms of the key's own rate


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate as the script takes it."""

    name: str
    key: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Counter:
    """A quota or the credits of one period as the script takes them."""

    name: str
    key: str
    limit: int
    amount: int
    starts_at: int
    ends_at: int
    kind: str
    owner_id: int
    is_credits: bool = False

    @property
    def per_unit(self) -> int:
        """What one used unit adds to the counter."""
        return MICRO if self.is_credits else 1

    @property
    def name_at_rest(self) -> str:
        """Its key without the prefix, as PostgreSQL knows it."""
        kind = "c" if self.is_credits else f"q:{self.kind}"
        return f"{kind}:{self.owner_id}:{self.starts_at}"


def seed_columns(counters: Sequence[Counter]) -> list[list[Any]]:
    """Return the parameters with which PostgreSQL is asked what these counters have to say."""
    return [
        list(range(len(counters))),
        [counter.kind for counter in counters],
        [counter.owner_id for counter in counters],
        [counter.starts_at for counter in counters],
        [counter.per_unit for counter in counters],
        [counter.name_at_rest for counter in counters],
    ]


@dataclass(slots=True, eq=False)
class Plan:
    """What one call of this key on this route costs and is held to."""

    record: KeyRecord
    route: Route
    cost: int
    buckets: tuple[Bucket, ...]
    counters: tuple[Counter, ...]
    valid_until: float
    is_leased: bool
    portion: int
    reserve: int
    policies: tuple[tuple[str, int, int], ...]
    stream: str
    quota_ends: tuple[int, ...] = ()
    has_credits: bool = False
    refusal: Outcome | None = None
    lease: Any = None
    owed: int = 0
    take_head: bytes = b""
    take_tail: bytes = b""
    policy_header: bytes = b""
    allowed_format: bytes = b""
    numbers_format: bytes = b""
    event_ids: bytes = b""
    event_tail: bytes = b""

    def keys(self) -> list[script.Part]:
        """Return the script's keys."""
        return [*(b.key for b in self.buckets), *(c.key for c in self.counters), self.stream]

    def arguments(
        self,
        operation: bytes,
        calls: int,
        event: bytes = b"",
        seeds: tuple[script.Part, ...] = (),
        reserve: int = 0,
    ) -> list[script.Part]:
        """Return the script's arguments for any operation; seeds are given for all counters or for none.

        A reserve is what a lease leaves in each bucket: tokens that wait in processes while the bucket fills up again
        could otherwise be spent on top of a full burst.
        """
        arguments: list[script.Part] = [
            operation, calls, len(self.buckets), len(self.counters), event, reserve,
        ]  # fmt: skip
        for bucket in self.buckets:
            arguments += [bucket.rate.interval, bucket.rate.depth]
        for index, counter in enumerate(self.counters):
            seed: script.Part = seeds[index] if seeds else b""
            arguments += [counter.limit, counter.amount, counter.ends_at, seed]
        return arguments

    def command(
        self,
        operation: bytes,
        calls: int,
        event: bytes = b"",
        seeds: tuple[script.Part, ...] = (),
        reserve: int = 0,
    ) -> bytes:
        """Return the command that runs the script with these arguments."""
        return script.call(self.keys(), self.arguments(operation, calls, event, seeds, reserve))

    def take(self, event: bytes) -> bytes:
        """Return the command of the commonest case, one call without seeds, around the event."""
        return b"%b$%d\r\n%b\r\n%b" % (self.take_head, len(event), event, self.take_tail)

    def allowed_head(self, numbers: tuple[int, ...]) -> bytes:
        """Return the headers of a call that passes: identity, policies, what is left."""
        return self.allowed_format % (*numbers, *self.tightest(numbers))

    def refused_head(self, numbers: tuple[int, ...]) -> bytes:
        """Return the headers of a counted call that does not pass: policies and what is left."""
        return self.policy_header + self.numbers_format % (*numbers, *self.tightest(numbers))

    def tightest(self, numbers: tuple[int, ...]) -> tuple[int, int, int]:
        """Return quantity, what is left and seconds until there is more of the policy with the least left."""
        best = 0 if len(numbers) == 2 or numbers[0] <= numbers[2] else 2
        for index in range(4, len(numbers), 2):
            if numbers[index] < numbers[best]:
                best = index
        return self.policies[best >> 1][1], numbers[best], numbers[best + 1]


def plan_of(
    record: KeyRecord, route: Route, cost: int, now: float, prefix: str, *, processes: int = 1
) -> Plan:
    """Work out the plan; a call counts once in each bucket, and with its cost in each counter.

    So many processes may hold a portion each. There are two at least while one takes the place of another.
    """
    buckets = _buckets(record, route, prefix)
    counters, valid_until = counters_of(record, cost, datetime.fromtimestamp(now, UTC), prefix)
    rate = min((bucket.rate for bucket in buckets), key=lambda rate: rate.limit / rate.per_seconds)
    processes = max(processes, _FEWEST_PROCESSES)
    portion = min(
        min(bucket.rate.burst for bucket in buckets) // (_LEASED_OF_BURST * processes),
        rate.limit // rate.per_seconds // _PORTIONS_PER_SECOND,
    )
    has_credits = bool(counters) and counters[-1].is_credits
    plan = Plan(
        record=record,
        route=route,
        cost=cost,
        buckets=buckets,
        counters=counters,
        valid_until=valid_until,
        is_leased=route.mode is Mode.LEASED and not has_credits and portion > 1,
        portion=portion,
        reserve=portion * processes,
        policies=(
            *((b.name, b.rate.depth // b.rate.interval, b.rate.window_seconds) for b in buckets),
            *((c.name, c.limit, c.ends_at - c.starts_at) for c in counters if not c.is_credits),
        ),
        stream=f"{prefix}usage",
        quota_ends=tuple(c.ends_at for c in counters if not c.is_credits),
        # Money, which nothing but the script may count.
        has_credits=has_credits,
        refusal=scope_refusal_of(record, route),
    )
    _prepare(plan)
    return plan


def _buckets(record: KeyRecord, route: Route, prefix: str) -> tuple[Bucket, ...]:
    bucket = Bucket("burst", f"{prefix}b:{record.key_id}", record.rate)
    if route.rate is None:
        return (bucket,)
    # The default rule of an API is none of the numbered ones.
    key = f"{prefix}rb:{record.key_id}:{route.rule_id or f'a{route.api_id}'}"
    return bucket, Bucket("route", key, route.rate)


def counters_of(
    record: KeyRecord, cost: int, now: datetime, prefix: str
) -> tuple[tuple[Counter, ...], float]:
    """Return the counters of the periods in which a moment lies, and when the first of these ends."""
    counters = [_quota_counter(quota, cost, now, prefix) for quota in record.quotas]
    if record.credits is not None:
        period = refill_period(record.credits.refill, now)
        start, end = record.credits.since, 0
        if period is not None:
            start, end = (int(moment.timestamp()) for moment in period)
        counters.append(
            Counter(
                name="credits",
                key=f"{prefix}c:{record.key_id}:{start}",
                limit=record.credits.limit_micro,
                amount=cost * MICRO,
                starts_at=start,
                ends_at=end,
                kind="k",
                owner_id=record.key_id,
                is_credits=True,
            )
        )
    ends = [counter.ends_at for counter in counters if counter.ends_at]
    return tuple(counters), float(min(ends)) if ends else float("inf")


def _quota_counter(quota: Quota, cost: int, now: datetime, prefix: str) -> Counter:
    start, end = (int(moment.timestamp()) for moment in period_of(quota.period, now, quota.anchor))
    return Counter(
        name=quota.name,
        key=f"{prefix}{quota.counter}:{start}",
        limit=quota.limit,
        amount=cost,
        starts_at=start,
        ends_at=end,
        kind=quota.kind,
        owner_id=quota.owner_id,
    )


def _prepare(plan: Plan) -> None:
    """Write the bytes that are the same in every command and answer."""
    marker = b"\x00event\x00"
    plan.take_head, plan.take_tail = plan.command(script.TAKE, 1, marker).split(script.bulk(marker))
    advertised = ", ".join(
        f'"{name}";q={quantity};w={window}' for name, quantity, window in plan.policies
    )
    plan.policy_header = f"ratelimit-policy: {advertised}\r\n".encode("ascii")
    numbers = ", ".join(f'"{name}";r=%d;t=%d' for name, _, _ in plan.policies)
    plan.numbers_format = (
        f"ratelimit: {numbers}\r\nx-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\n"
        "x-ratelimit-reset: %d\r\n"
    ).encode("ascii")
    plan.allowed_format = plan.record.head + plan.policy_header + plan.numbers_format
    ids = (plan.record.organization_id, plan.record.key_id, plan.route.api_id, plan.route.rule_id)
    plan.event_ids = b"%d,%d,%d,%d" % ids
    plan.event_tail = b'null,"%b"' % plan.record.environment.encode()


@dataclass(frozen=True, slots=True)
class Count:
    """The script's answer, read: what was granted, and what is left (see `numbers_of`) of each advertised policy."""

    granted: int
    numbers: tuple[int, ...]
    credits_micro: int | None = None
    failed: Outcome | None = None
    violated: tuple[str, ...] = ()
    retry_seconds: int = 0


def numbers_of(plan: Plan, answer: list[int], now: float) -> tuple[int, ...]:
    """Return what the script's answer says of the advertised policies.

    Alternately calls or units left, and the seconds until there are more of them.
    """
    first = answer[1], -(-answer[2] // MICRO)
    if len(answer) == 3:
        # One bucket and nothing else.
        return first
    numbers = [*first]
    index = 3
    if len(plan.buckets) == 2:
        numbers += answer[3], -(-answer[4] // MICRO)
        index = 5
    second = int(now)
    for ends_at in plan.quota_ends:
        numbers += answer[index], ends_at - second if ends_at > second else 0
        index += 1
    return tuple(numbers)


def read_answer(plan: Plan, answer: list[int], now: float) -> Count:
    """Read the script's answer."""
    numbers = numbers_of(plan, answer, now)
    credits_micro = answer[-1] if plan.has_credits else None
    if answer[0] > 0:
        return Count(answer[0], numbers, credits_micro)
    return refused(plan, numbers, credits_micro)


def refused(plan: Plan, numbers: tuple[int, ...], credits_micro: int | None = None) -> Count:
    """Name what failed, the first in the order rate, quota, credits, and when the call can pass again."""
    needed = [1] * len(plan.buckets) + [c.amount for c in plan.counters if not c.is_credits]
    short = [index for index, need in enumerate(needed) if numbers[2 * index] < need]
    retry = max((max(1, numbers[2 * index + 1]) for index in short), default=1)
    if not short and plan.has_credits:
        return Count(0, numbers, credits_micro, Outcome.INSUFFICIENT_CREDITS)
    is_rate = not short or short[0] < len(plan.buckets)
    failed = Outcome.RATE_LIMITED if is_rate else Outcome.QUOTA_EXCEEDED
    violated = tuple(plan.policies[index][0] for index in short)
    return Count(0, numbers, credits_micro, failed, violated, retry)
