"""The script against an oracle in exact integers, on a real server."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apikeys.gateway import script
from apikeys.gateway.limits import TICKS_PER_SECOND, LocalBucket, Rate
from apikeys.gateway.plans import MICRO, Plan, plan_of, read_answer
from apikeys.gateway.records import Credits
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import QuotaPeriod, Refill
from tests.doubles.bucket import most_at_once
from tests.gate.builders import AT, organization_quota, quota, record

Run = Callable[..., list[int]]
# Where the script begins to count its ticks: 2026-01-01T00:00Z.
EPOCH_SECONDS = 1_767_225_600
# The same script with a clock that the test sets: its last two arguments. What it keeps outlives the test, whose own
# pauses are not Redis's.
_CLOCKED = re.sub(
    rb"ceil\(\w+ / 10000\) \+ 1",
    b"3600000",
    script.TEXT.replace(b"call('TIME')", b"{ARGV[#ARGV - 1], ARGV[#ARGV]}"),
)
assert b"/ 10000" not in _CLOCKED


@pytest.fixture(scope="module")
def clocked(redis_client: redis.Redis) -> Run:
    """Run a plan's operation at a moment in microseconds."""
    load = redis_client.register_script(_CLOCKED)

    def run(plan: Plan, micros: int, *arguments: Any, **options: Any) -> list[int]:
        given = plan.arguments(*arguments, **options)
        seconds, rest = divmod(micros, 1_000_000)
        keys: list[Any] = [*plan.keys()]
        return load(keys=keys, args=[*given, seconds, rest])

    return run


def _plan(*limits: Any, route: Route = Route(), cost: int = 1, **changes: Any) -> Plan:
    return plan_of(record(*limits, **changes), route, cost, AT, settings.REDIS_PREFIX)


@dataclass
class Oracle:
    """One token bucket in integers of ticks, after the textbook: a level that drains with time."""

    rate: Rate
    level: int = 0
    at: int = 0

    def take(self, ticks: int, calls: int) -> int:
        """Return how many calls are granted."""
        self.level = max(0, self.level - (ticks - self.at))
        self.at = ticks
        granted = min(calls, (self.rate.depth - self.level) // self.rate.interval)
        self.level += granted * self.rate.interval
        return granted

    @property
    def left(self) -> int:
        """Calls that would be granted now."""
        return (self.rate.depth - self.level) // self.rate.interval


RATES = st.builds(
    Rate, st.integers(1, 100_000), st.sampled_from([1, 60, 3600, 86_400]), st.integers(1, 10_000)
)
STEPS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 20)), min_size=1, max_size=30)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(RATES, STEPS)
def test_bucket_agrees_with_the_oracle(redis_client, clocked, rate, steps):
    plan, oracle = _plan(rate), Oracle(rate)
    redis_client.delete(*plan.keys())
    micros = (EPOCH_SECONDS + 86_400 * 200) * 1_000_000

    for pause, calls in steps:
        micros += pause
        ticks = (micros - EPOCH_SECONDS * 1_000_000) * (TICKS_PER_SECOND // 1_000_000)
        granted, left, wait = clocked(plan, micros, script.TAKE, calls)
        assert granted == oracle.take(ticks, calls)
        assert left == oracle.left
        until_next = oracle.level - rate.depth + (left + 1) * rate.interval
        assert wait == (-(-until_next // 10) if oracle.level else 0)


@given(RATES, STEPS)
def test_local_bucket_agrees_with_the_oracle(rate, steps):
    local, oracle, ticks = LocalBucket(rate), Oracle(rate), 0

    for pause, _ in steps:
        ticks += pause * 10
        granted = local.has_token(ticks)
        if granted:
            local.take(ticks)
        assert granted == oracle.take(ticks, 1)
        assert local.numbers(ticks)[0] == oracle.left


@given(RATES)
def test_rate_never_grants_more_than_it_says(rate):
    assert rate.interval * rate.limit >= rate.per_seconds * TICKS_PER_SECOND
    assert rate.depth <= rate.burst * rate.interval
    assert rate.depth < 2**53


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=30),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_counters_agree_with_the_oracle(redis_client, clocked, calls, own, shared):
    rate = Rate(1_000_000, 1, 1_000_000)
    limits = (quota(own), organization_quota(shared))
    micros, used = int(AT) * 1_000_000, 0
    redis_client.delete(*_plan(rate, *limits).keys())

    for number, cost in calls:
        plan = _plan(rate, *limits, cost=cost)
        wanted = max(1, number)
        answer = clocked(plan, micros, script.TAKE, wanted, seeds=(0, 0))
        room = min(own, shared) - used
        expected = wanted if cost == 0 else min(wanted, max(0, room // cost))
        used += expected * cost
        assert answer[0] == expected
        assert answer[3:] == [own - used, shared - used]


def test_bucket_survives_a_lowered_limit(clocked):
    micros = int(AT) * 1_000_000
    assert clocked(_plan(Rate(1, 86_400, 5)), micros, script.TAKE, 5)[0] == 5

    lowered = _plan(Rate(10, 1, 10))

    assert clocked(lowered, micros, script.TAKE, 1) == [0, 0, 100_000]
    assert clocked(lowered, micros + 100_000, script.TAKE, 1)[0] == 1


def test_two_buckets_are_taken_together_or_not_at_all(clocked):
    route = Route(api_id=1, rule_id=5, rate=Rate(1, 60, 2))
    plan = _plan(Rate(10, 1, 10), route=route)
    micros = int(AT) * 1_000_000

    answers = [clocked(plan, micros, script.TAKE, 1) for _ in range(3)]

    assert answers == [
        [1, 9, 100_000, 1, 60_000_000],
        [1, 8, 100_000, 0, 60_000_000],
        [0, 8, 100_000, 0, 60_000_000],
    ]
    refusal = read_answer(plan, answers[2], AT)
    assert (refusal.failed, refusal.violated, refusal.retry_seconds) == (
        Outcome.RATE_LIMITED,
        ("route",),
        60,
    )


@pytest.mark.parametrize("broken", ["rate", "own", "organization", "credits"])
def test_refused_call_changes_nothing(redis_client, clocked, broken):
    def room(name: str) -> int:
        return 1 if name == broken else 100

    plan = _plan(
        Rate(1, 3600, room("rate")),
        quota(room("own")),
        organization_quota(room("organization")),
        credits=Credits(room("credits") * MICRO, Refill.NONE),
    )
    micros = int(AT) * 1_000_000
    assert clocked(plan, micros, script.TAKE, 1, b'"first"', seeds=(0, 0, 0))[0] == 1
    before = {key: redis_client.dump(key) for key in redis_client.keys(f"{settings.REDIS_PREFIX}*")}

    answer = clocked(plan, micros, script.TAKE, 1, b'"second"')

    after = {key: redis_client.dump(key) for key in redis_client.keys(f"{settings.REDIS_PREFIX}*")}
    assert answer[0] == 0
    assert after == before
    assert (
        read_answer(plan, answer, AT).failed
        == {
            "rate": Outcome.RATE_LIMITED,
            "own": Outcome.QUOTA_EXCEEDED,
            "organization": Outcome.QUOTA_EXCEEDED,
            "credits": Outcome.INSUFFICIENT_CREDITS,
        }[broken]
    )


def test_refusals_are_named_in_the_order_rate_quota_credits(clocked):
    plan = _plan(Rate(1, 3600, 1), quota(1), credits=Credits(MICRO, Refill.NONE))
    micros = int(AT) * 1_000_000
    clocked(plan, micros, script.TAKE, 1, seeds=(0, 0))

    refusal = read_answer(plan, clocked(plan, micros, script.TAKE, 1), AT)

    assert refusal.failed is Outcome.RATE_LIMITED
    assert refusal.violated == ("burst", "month")
    assert refusal.retry_seconds == 14.5 * 86_400


def test_missing_counters_ask_for_their_seeds(redis_client, clocked):
    plan = _plan(Rate(10, 1, 10), quota(100), organization_quota(100))
    micros = int(AT) * 1_000_000
    redis_client.set(plan.counters[1].key, 40)

    assert clocked(plan, micros, script.TAKE, 1) == [-1, 1, 0]
    assert redis_client.keys(f"{settings.REDIS_PREFIX}b:*") == []

    assert clocked(plan, micros, script.TAKE, 1, seeds=(30, 0)) == [1, 9, 100_000, 69, 59]


def test_seed_never_replaces_a_counter(clocked):
    plan = _plan(Rate(10, 1, 10), quota(100))
    micros = int(AT) * 1_000_000
    clocked(plan, micros, script.TAKE, 1, seeds=(30,))

    assert clocked(plan, micros, script.TAKE, 1, seeds=(0,))[3] == 68


def test_counter_outlives_its_period_by_an_hour(redis_client, clocked):
    plan = _plan(Rate(10, 1, 10), quota(100, QuotaPeriod.DAY))
    clocked(plan, int(AT) * 1_000_000, script.TAKE, 1, seeds=(0,))

    expires_at = redis_client.execute_command("EXPIRETIME", plan.counters[0].key)

    assert expires_at == plan.counters[0].ends_at + 3600


def test_lease_takes_what_is_there_and_gives_back_what_is_left(clocked):
    plan = _plan(Rate(10, 1, 10), quota(7))
    micros = int(AT) * 1_000_000

    assert clocked(plan, micros, script.TAKE, 9, seeds=(0,)) == [7, 3, 100_000, 0]
    assert clocked(plan, micros, script.GIVE_BACK, 5) == [5]
    assert clocked(plan, micros, script.TAKE, 9) == [5, 3, 100_000, 0]


def test_giving_back_never_gains(redis_client, clocked):
    plan = _plan(Rate(10, 1, 10), quota(7))
    micros = int(AT) * 1_000_000
    clocked(plan, micros, script.TAKE, 3, seeds=(0,))

    clocked(plan, micros + 10_000_000, script.GIVE_BACK, 100)

    assert clocked(plan, micros + 10_000_000, script.TAKE, 100) == [7, 3, 100_000, 0]


def test_reserve_stays_in_the_bucket(clocked):
    plan = _plan(Rate(100, 1, 64))

    assert clocked(plan, int(AT) * 1_000_000, script.TAKE, 100, reserve=4) == [60, 0, 10_000]


def test_calls_that_passed_without_redis_are_counted_afterwards(redis_client, clocked):
    plan = _plan(Rate(10, 1, 10), quota(10), organization_quota(10), cost=2)
    micros = int(AT) * 1_000_000
    redis_client.set(plan.counters[0].key, 1)

    assert clocked(plan, micros, script.COUNT, 4) == [-1, 0, 1]
    assert redis_client.mget(counter.key for counter in plan.counters) == [b"1", None]

    assert clocked(plan, micros, script.COUNT, 4, seeds=(5, 6)) == [4]
    assert redis_client.mget(counter.key for counter in plan.counters) == [b"9", b"14"]
    assert redis_client.ttl(plan.counters[1].key) > 0
    assert not redis_client.exists(plan.buckets[0].key)


def test_nothing_is_given_back_to_a_counter_that_is_gone(redis_client, clocked):
    plan = _plan(Rate(10, 1, 10), quota(10))

    assert clocked(plan, int(AT) * 1_000_000, script.GIVE_BACK, 4) == [4]
    assert not redis_client.exists(plan.counters[0].key)


def test_event_is_written_with_the_call_it_tells_of(redis_client, clocked):
    plan = _plan(Rate(1, 3600, 1))
    micros = int(AT) * 1_000_000

    clocked(plan, micros, script.TAKE, 1, b"[1]")
    clocked(plan, micros, script.TAKE, 1, b"[2]")

    stream = redis_client.xrange(f"{settings.REDIS_PREFIX}usage")
    assert [fields for _, fields in stream] == [{b"e": b"[1]"}]


def test_events_are_written_in_one_go(redis_client):
    stream = f"{settings.REDIS_PREFIX}usage"

    written = redis_client.eval(script.TEXT, 1, stream, script.EVENTS, b"[1]", b"[2]")

    assert written == 2
    assert [orjson.loads(fields[b"e"]) for _, fields in redis_client.xrange(stream)] == [[1], [2]]


def test_real_clock_refills_the_bucket(redis_client):
    plan = _plan(Rate(100, 1, 2))
    run = redis_client.register_script(script.TEXT)

    answers = [run(plan.keys(), plan.arguments(script.TAKE, 1)) for _ in range(3)]

    assert [answer[0] for answer in answers][:2] == [1, 1]
    assert 0 < answers[1][2] <= 10_000


@dataclass
class _Window:
    """The times at which calls were granted."""

    granted: list[int] = field(default_factory=list)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(st.integers(1, 50), st.integers(1, 20), st.lists(st.integers(0, 200_000), max_size=60))
def test_no_window_holds_more_than_burst_and_rate(redis_client, clocked, limit, burst, pauses):
    rate = Rate(limit, 1, burst)
    plan, seen, micros = _plan(rate), _Window(), int(AT) * 1_000_000
    redis_client.delete(*plan.keys())

    for pause in pauses:
        micros += pause
        seen.granted += [micros] * clocked(plan, micros, script.TAKE, 3)[0]

    for first in range(len(seen.granted)):
        for last in range(first, len(seen.granted)):
            span = seen.granted[last] - seen.granted[first]
            assert (last - first + 1 - burst) * 1_000_000 <= limit * span


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 40)), min_size=1, max_size=12),
    st.integers(0, 8),
)
def test_most_at_once_looks_at_every_window(sendings, rate):
    calls = [(sent, sent + took) for sent, took in sendings]

    windows = [(first, last) for first, _ in calls for _, last in calls if first <= last]
    assert most_at_once(calls, rate=rate) == max(
        0.0,
        *(
            sum(first <= sent and got <= last for sent, got in calls) - rate * (last - first)
            for first, last in windows
        ),
    )
