"""May this call pass? The uncounted checks in their order, and the plan of what the script is to count.

A plan is everything about one key and one route that stays the same from call to call: built once, used until a
period ends or the record changes.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from apikeys.gateway import script
from apikeys.gateway.limits import Rate
from apikeys.gateway.records import KeyRecord, Quota
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import Mode, ScopeExpression, period_of, refill_period

MICRO: Final = 1_000_000
_PORTION_OF_BURST: Final = 32
_PORTIONS_PER_SECOND: Final = 20  # a portion is at most 50 ms of the key's own rate


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate as the script takes it."""

    name: str
    key: str
    rate: Rate
    owner: str


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
    policies: tuple[tuple[str, int, int], ...]
    stream: str
    head: bytes = b""
    tail: bytes = b""
    policy_header: bytes = b""
    numbers_format: bytes = b""
    tightest: tuple[int, ...] = ()
    event_middle: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def has_credits(self) -> bool:
        """Whether the call spends prepaid credits, which nothing but the script may decide."""
        return bool(self.counters) and self.counters[-1].is_credits

    def keys(self) -> list[str]:
        """Return the script's keys."""
        return [*(b.key for b in self.buckets), *(c.key for c in self.counters), self.stream]

    def command(
        self, operation: bytes, calls: int, event: bytes = b"", seeds: tuple[int, ...] = ()
    ) -> bytes:
        """Return the script's command for any operation; seeds are given for all counters or for none."""
        arguments: list[script.Part] = [
            operation, calls, len(self.buckets), len(self.counters), event,
        ]  # fmt: skip
        for bucket in self.buckets:
            arguments += [bucket.rate.interval, bucket.rate.depth]
        for index, counter in enumerate(self.counters):
            seed: script.Part = seeds[index] if seeds else b""
            arguments += [counter.limit, counter.amount, counter.ends_at, seed]
        return script.call(self.keys(), arguments)

    def take(self, event: bytes) -> bytes:
        """Return the command of the commonest case, one call without seeds, around the event."""
        return b"%b$%d\r\n%b\r\n%b" % (self.head, len(event), event, self.tail)


def refusal_of(
    record: KeyRecord, now_ms: float, address: str | None, origin: str | None
) -> Outcome | None:
    """Return why the key itself may not be used here and now: enabled, expiry, suspended, address, origin."""
    if record.is_revoked:
        return Outcome.REVOKED
    if record.is_disabled:
        return Outcome.DISABLED
    if record.expires_ms is not None and now_ms >= record.expires_ms:
        return Outcome.EXPIRED
    if record.is_suspended:
        return Outcome.SUSPENDED
    if not record.addresses.allows(address):
        return Outcome.FORBIDDEN_IP
    if not record.origins.allows(origin):
        return Outcome.FORBIDDEN_ORIGIN
    return None


def scope_refusal_of(
    record: KeyRecord, route: Route, asked: ScopeExpression | None = None, resource: str = ""
) -> Outcome | None:
    """Return why the key may not do this: the API's policy, the rule's scope, the scopes the caller asks for."""
    if route.is_denied or route.is_disabled:
        return Outcome.ROUTE_DENIED
    if not route.is_scope_readable:
        return Outcome.INSUFFICIENT_SCOPE
    for expression in (route.scope, asked):
        if expression is not None and not expression.is_met_by(record.scopes, resource):
            return Outcome.INSUFFICIENT_SCOPE
    return None


def plan_of(record: KeyRecord, route: Route, cost: int, now: float, prefix: str) -> Plan:
    """Work out the plan; a call counts once in each bucket, and with its cost in each counter."""
    buckets = _buckets(record, route, prefix)
    counters, valid_until = _counters(record, cost, datetime.fromtimestamp(now, UTC), prefix)
    rate = min((bucket.rate for bucket in buckets), key=lambda rate: rate.limit / rate.per_seconds)
    portion = min(
        min(bucket.rate.burst for bucket in buckets) // _PORTION_OF_BURST,
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
        # Money is never counted in portions.
        is_leased=route.mode is Mode.LEASED and not has_credits,
        portion=max(1, portion),
        policies=(
            *((b.name, b.rate.depth // b.rate.interval, b.rate.window_seconds) for b in buckets),
            *((c.name, c.limit, c.ends_at - c.starts_at) for c in counters if not c.is_credits),
        ),
        stream=f"{prefix}usage",
    )
    _prepare(plan)
    return plan


def _buckets(record: KeyRecord, route: Route, prefix: str) -> tuple[Bucket, ...]:
    bucket = Bucket("burst", f"{prefix}b:{record.key_id}", record.rate, "key")
    if route.rate is None:
        return (bucket,)
    key = f"{prefix}rb:{record.key_id}:{route.rule_id}"
    return bucket, Bucket("route", key, route.rate, "route")


def _counters(
    record: KeyRecord, cost: int, now: datetime, prefix: str
) -> tuple[tuple[Counter, ...], float]:
    """Return the counters of the current periods and the moment at which the first of these ends."""
    counters = [_quota_counter(quota, cost, now, prefix) for quota in record.quotas]
    if record.credits is not None:
        period = refill_period(record.credits.refill, now)
        start, end = (int(moment.timestamp()) for moment in period) if period else (0, 0)
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
    head, tail = plan.command(script.TAKE, 1, marker).split(script.bulk(marker))
    plan.head, plan.tail = head, tail
    advertised = ", ".join(
        f'"{name}";q={quantity};w={window}' for name, quantity, window in plan.policies
    )
    plan.policy_header = f"ratelimit-policy: {advertised}\r\n".encode("ascii")
    numbers = ", ".join(f'"{name}";r=%d;t=%d' for name, _, _ in plan.policies)
    plan.numbers_format = f"ratelimit: {numbers}\r\n".encode("ascii")
    plan.tightest = tuple(quantity for _, quantity, _ in plan.policies)


@dataclass(frozen=True, slots=True)
class Count:
    """The script's answer, read: what was granted, and what is left of each advertised policy."""

    granted: int
    numbers: tuple[int, ...]
    credits_micro: int | None = None
    failed: Outcome | None = None
    violated: tuple[str, ...] = ()
    retry_seconds: int = 0


def read_answer(plan: Plan, answer: list[int], now: float) -> Count:
    """Read the script's answer. `numbers` alternates calls or units left and seconds until there are more."""
    numbers: list[int] = []
    index = 1
    for _ in plan.buckets:
        numbers += (answer[index], -(-answer[index + 1] // MICRO))
        index += 2
    credits_micro = None
    for counter in plan.counters:
        if counter.is_credits:
            credits_micro = answer[index]
        else:
            numbers += (answer[index], max(0, counter.ends_at - int(now)))
        index += 1
    if answer[0] > 0:
        return Count(answer[0], tuple(numbers), credits_micro)
    return _refused(plan, tuple(numbers), credits_micro)


def _refused(plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> Count:
    """Name what failed, the first in the order rate, quota, credits, and when the call can pass again."""
    needed = [1] * len(plan.buckets) + [c.amount for c in plan.counters if not c.is_credits]
    short = [index for index, need in enumerate(needed) if numbers[2 * index] < need]
    retry = max((max(1, numbers[2 * index + 1]) for index in short), default=0)
    if not short:
        failed, violated = Outcome.INSUFFICIENT_CREDITS, ()
    else:
        is_rate = short[0] < len(plan.buckets)
        failed = Outcome.RATE_LIMITED if is_rate else Outcome.QUOTA_EXCEEDED
        violated = tuple(plan.policies[index][0] for index in short)
    return Count(0, numbers, credits_micro, failed, violated, retry)
