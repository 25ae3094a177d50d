"""Two gate processes and fifty connections: never more than burst and rate allow, and hardly less."""

import re
import time

import pytest
import redis
from django.conf import settings

from tests.doubles.callers import Callers, ask_once
from tests.doubles.house import House
from tests.doubles.stack import Gate

LONG = [pytest.mark.trial, pytest.mark.timeout(300)]


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=LONG)])
@pytest.mark.parametrize(("path", "least"), [("/orders/1", 0.98), ("/leased/1", 0.95)])
def test_grants_what_the_rate_allows_and_never_more(
    path: str, least: float, seconds: int, house: House, gates: list[Gate]
) -> None:
    # The bucket holds a second's worth: callers that the machine stops for less than that lose nothing.
    rate, burst = 400, 400
    key = house.key(rate_limit=rate, rate_burst=burst)
    ports = [gate.port for gate in gates]

    # Never more holds in every window. Hardly less says something of the gate only where the callers themselves got
    # enough of the machine to ask that often: one good window of three shows it.
    shares: list[float] = []
    while not shares or (max(shares) < least and len(shares) < 3):
        tally = Callers(ports, [key.secret], uri=path).for_seconds(seconds, connections=50)
        allowed = burst + rate * tally.seconds
        assert tally.statuses.keys() == {204, 429}
        assert tally.statuses[204] <= allowed
        # In a short window the moment of connecting counts: tokens that a full bucket cannot take are nobody's.
        due = allowed if seconds == 30 else rate * tally.seconds
        shares.append(tally.statuses[204] / due)
        time.sleep(burst / rate)

    assert max(shares) >= least


@pytest.mark.parametrize("path", ["/orders/1", "/leased/1"])
def test_a_quota_is_used_up_to_the_last_call(path: str, house: House, gates: list[Gate]) -> None:
    key = house.key(quota_limit=1_500, quota_period="month")
    callers = Callers([gate.port for gate in gates], [key.secret], uri=path)

    tally = callers.for_seconds(3, connections=50)
    late = [ask_once(gate.port, key.secret, uri=path).status for gate in gates]

    assert tally.statuses[204] == 1_500
    assert tally.statuses.keys() == {204, 429}
    assert late == [429, 429]


@pytest.mark.parametrize("path", ["/orders/1", "/leased/1"])
def test_every_answer_tells_the_limits(path: str, house: House, gates: list[Gate]) -> None:
    key = house.key(rate_limit=50, rate_burst=20)
    callers = Callers([gate.port for gate in gates], [key.secret], uri=path)

    tally = callers.for_seconds(1, connections=4)

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

    emptied = [ask_once(port, key.secret).status for key in issued]
    refused = [ask_once(port, key.secret) for key in issued]
    waits = [int(seen.header("Retry-After") or 0) for seen in refused]
    told_at = [seen.got_at for seen in refused]
    passed = []
    for key, since, wait in zip(issued, told_at, waits, strict=True):
        time.sleep(max(0.0, since + wait - time.monotonic()))
        passed.append(ask_once(port, key.secret).status)

    assert emptied == [204] * keys
    assert {seen.status for seen in refused} == {429}
    assert set(waits) <= {1, 2}
    assert passed == [204] * keys


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
