"""Two gate processes and fifty connections: never more than burst and rate allow, and hardly less."""

import re
import time
from itertools import pairwise

import pytest
import redis
from django.conf import settings

from tests.doubles.bucket import Usage, most_at_once, rooms
from tests.doubles.callers import Callers, Seen, Tally, ask_once
from tests.doubles.house import House, Issued
from tests.doubles.stack import Gate
from tests.patience import until

LONG = [pytest.mark.trial, pytest.mark.timeout(900)]
RATE, BURST = 400, 400


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=LONG)])
# What one call after the other is decided leaves nothing; leases keep a portion for each process.
@pytest.mark.parametrize(
    ("path", "kept", "share"), [("/orders/1", 2, 0.98), ("/leased/1", 30, 0.95)]
)
def test_grants_what_the_rate_allows_and_never_more(
    path: str, kept: int, share: float, seconds: int, house: House, gates: list[Gate], usage: Usage
) -> None:
    rounds = (_round(path, seconds, house, gates, usage) for _ in range(10))
    tally, granted, refused = next(one for one in rounds if one)

    passed = [(seen.sent_at, seen.got_at) for seen in tally.answers if seen.status == 204]
    assert most_at_once(passed, rate=RATE) <= BURST
    first, last = min(granted), max(refused)
    assert sum(at <= last for at in granted) >= share * (BURST + RATE * (last - first))
    at_grant, at_refusal = rooms(granted, refused, rate=RATE, burst=BURST)
    if path == "/orders/1":  # which Valkey itself dates, to the millisecond
        assert min(at_grant) >= 1 - RATE * 0.002
    # Hardly less: there was a moment in the second half when next to nothing was left for who was refused.
    assert min(at_refusal[len(at_refusal) // 2 :]) < 3 + kept


def _round(
    path: str, seconds: int, house: House, gates: list[Gate], usage: Usage
) -> tuple[Tally, list[float], list[float]] | None:
    """Ask as often as possible and return what was seen, and when calls were granted and refused.

    None where the machine let the callers ask for less than there was, so that the bucket may have overflowed, or kept
    Valkey from answering.
    """
    key, before = house.key(rate_limit=RATE, rate_burst=BURST), _decided_locally(gates)
    callers = Callers([gate.port for gate in gates], [key.secret], uri=path)
    tally = callers.for_seconds(seconds, connections=50)
    assert tally.statuses.keys() <= {204, 429}
    granted = _all_of(usage, key, "VALID", tally.ids(204))
    refused = _all_of(usage, key, "RATE_LIMITED", tally.ids(429))
    # A refusal late in the last second: nobody stopped asking before the end.
    is_telling = max(refused, default=0.0) > max(granted) - 0.2
    paused = max(late - early for early, late in pairwise(sorted(granted + refused)))
    is_whole = paused < BURST / RATE / 2 and _decided_locally(gates) == before
    return (tally, granted, refused) if is_telling and is_whole else None


def _decided_locally(gates: list[Gate]) -> float:
    name = "tollgate_gate_decided_locally_total"
    return sum(gate.metrics().get(name, 0.0) for gate in gates)


def _all_of(usage: Usage, key: Issued, outcome: str, ids: set[str]) -> list[float]:
    """Return when these calls were decided, once that of each has been written."""
    until(lambda: usage(key, outcome).keys() >= ids, every=0.1)
    return [*usage(key, outcome).values()]


@pytest.mark.parametrize("path", ["/orders/1", "/leased/1"])
def test_a_quota_is_used_up_to_the_last_call(path: str, house: House, gates: list[Gate]) -> None:
    key = house.key(quota_limit=1_500, quota_period="month")
    callers = Callers([gate.port for gate in gates], [key.secret], uri=path)

    tally = callers.until(lambda seen: seen[429] >= 500, connections=50)
    late = [ask_once(gate.port, key.secret, uri=path).status for gate in gates]

    assert tally.statuses[204] == 1_500
    assert tally.statuses.keys() == {204, 429}
    assert late == [429, 429]


@pytest.mark.parametrize("path", ["/orders/1", "/leased/1"])
def test_every_answer_tells_the_limits(path: str, house: House, gates: list[Gate]) -> None:
    key = house.key(rate_limit=50, rate_burst=20)
    callers = Callers([gate.port for gate in gates], [key.secret], uri=path)

    tally = callers.until(lambda seen: seen[429] >= 100, connections=4)

    for seen in tally.answers:
        assert (seen.header("RateLimit-Policy") or "").startswith('"burst";q=20;w=1')
        assert re.match(r'"burst";r=\d+;t=\d+', seen.header("RateLimit") or "")
        assert (seen.header("Retry-After") is not None) == (seen.status == 429)
    assert tally.statuses[429] > 0


def test_what_is_left_only_falls_while_nothing_flows_back(house: House, gates: list[Gate]) -> None:
    key = house.key(rate_limit=1, rate_per_seconds=3600, rate_burst=40)

    left = [
        int(ask_once(gates[number % 2].port, key.secret).header("X-RateLimit-Remaining") or -1)
        for number in range(40)
    ]

    assert left == list(range(39, -1, -1))


@pytest.mark.parametrize("keys", [10, pytest.param(100, marks=LONG)])
def test_who_waits_as_long_as_told_passes(keys: int, house: House, gates: list[Gate]) -> None:
    issued = [house.key(rate_limit=1, rate_per_seconds=2, rate_burst=1) for _ in range(keys)]
    port = gates[0].port

    refused = [_emptied(port, key) for key in issued]
    waits = [int(seen.header("Retry-After") or 0) for seen in refused]
    told_at = [seen.got_at for seen in refused]
    passed = []
    for key, since, wait in zip(issued, told_at, waits, strict=True):
        time.sleep(max(0.0, since + wait - time.monotonic()))
        passed.append(ask_once(port, key.secret).status)

    assert set(waits) <= {1, 2}
    assert passed == [204] * keys


def _emptied(port: int, key: Issued) -> Seen:
    """Return the first refusal, which is the second answer unless the machine stood still for two seconds."""
    assert ask_once(port, key.secret).status == 204
    while (seen := ask_once(port, key.secret)).status == 204:
        pass
    assert seen.status == 429
    return seen


def test_a_refused_call_changes_no_counter(
    house: House, gates: list[Gate], redis_client: redis.Redis
) -> None:
    slow = {"rate_limit": 1, "rate_per_seconds": 3600}
    wide, quota = {**slow, "rate_burst": 100}, {"quota_limit": 50, "quota_period": "month"}
    limited = house.key(**slow, **quota, rate_burst=1)
    used_up = house.key(**wide, quota_limit=1, quota_period="day", credits_micro=5_000_000)
    broke = house.key(**wide, **quota, credits_micro=1_000_000)
    narrow = house.key(**wide, **quota, scopes=[])
    for key in (limited, used_up, broke):
        assert ask_once(gates[0].port, key.secret, uri="/any").status == 204
    before = _counters(redis_client)

    refused = [
        ask_once(gates[number % 2].port, key.secret, uri="/orders/1" if key is narrow else "/any")
        for number in range(20)
        for key in (limited, used_up, broke, narrow)
    ]

    assert [seen.status for seen in refused[:4]] == [429, 429, 402, 403]
    assert _counters(redis_client) == before


def _counters(client: redis.Redis) -> dict[bytes | str, bytes | str | None]:
    """Return buckets, quotas and credits as they stand."""
    names = [
        name
        for kind in ("b", "rb", "q", "c")
        for name in client.keys(f"{settings.REDIS_PREFIX}{kind}:*")
    ]
    return {name: client.get(name) for name in sorted(names)}
