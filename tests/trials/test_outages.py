"""Valkey or PostgreSQL away in every way: the gate answers at once, never with 500, and is itself again in five seconds."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from apikeys.restrictions import EnvironmentName
from apikeys.secrets import mint_key
from config.embedded.valkey import Valkey
from tests import servers
from tests.doubles.callers import Callers, Seen, ask_once
from tests.doubles.faults import Fault, FaultyWay, faulty_way
from tests.doubles.fixtures import enterable_directory
from tests.doubles.house import House, Issued
from tests.doubles.stack import Gate, Stack
from tests.patience import Machine, at_most, until

RECOVERY = 5.0
LONG = [pytest.mark.trial]
FAULTS = [
    pytest.param(Fault.REFUSED, 1.5),
    pytest.param(Fault.SWALLOWED, 2.5),
    pytest.param(Fault.SLOW, 2.0),
    pytest.param(Fault.REFUSED, 12, marks=LONG),
    pytest.param(Fault.SWALLOWED, 12, marks=LONG),
    pytest.param(Fault.SLOW, 12, marks=LONG),
]


@dataclass
class Fragile:
    """A gate whose every way to its servers can be broken."""

    gate: Gate
    to_valkey: FaultyWay
    to_postgres: FaultyWay
    valkey: Valkey


@pytest.fixture(scope="module")
def fragile(house: House, stack: Stack) -> Iterator[Fragile]:
    """The gate under trial."""
    postgres = urlsplit(os.environ["DATABASE_URL"])
    assert postgres.port
    with enterable_directory() as home, servers.own_valkey(home) as valkey:
        assert valkey.port
        with faulty_way(valkey.port) as to_valkey, faulty_way(postgres.port) as to_postgres:
            netloc = postgres.netloc.replace(str(postgres.port), str(to_postgres.port))
            gate = stack.gate(
                IMPATIENT_WITH="redis postgres",
                REDIS_URL=f"redis://:{servers.PASSWORD}@127.0.0.1:{to_valkey.port}/0",
                DATABASE_URL=postgres._replace(netloc=netloc).geturl(),
            )
            yield Fragile(gate, to_valkey, to_postgres, valkey)
            gate.stop()


@pytest.mark.parametrize("path", ["/orders/1", "/leased/1"])
@pytest.mark.parametrize(("fault", "seconds"), FAULTS)
def test_valkey_away(
    fault: Fault, seconds: float, path: str, house: House, fragile: Fragile
) -> None:
    answers = _under(house, fragile, fragile.to_valkey, fault, seconds, path)

    # Key traffic goes on from a bucket of the process's own.
    assert {seen.status for seen in answers} == {204}


@pytest.mark.parametrize(("fault", "seconds"), FAULTS)
def test_postgres_away(fault: Fault, seconds: float, house: House, fragile: Fragile) -> None:
    answers = _under(house, fragile, fragile.to_postgres, fault, seconds, "/orders/1")

    # Keys in use go on from memory.
    assert {seen.status for seen in answers} == {204}


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SWALLOWED])
def test_money_is_not_counted_blindly(fault: Fault, house: House, fragile: Fragile) -> None:
    key = house.key(credits_micro=1_000_000_000, credits_refill="none")
    _require_known(fragile, key)

    fragile.to_valkey.break_by(fault)
    try:
        answers = [ask_once(fragile.gate.port, key.secret) for _ in range(5)]
    finally:
        fragile.to_valkey.heal()

    assert {seen.status for seen in answers} == {503}
    assert all(seen.header("Retry-After") for seen in answers)
    _require_recovery(house, fragile)


def test_a_limit_holds_while_valkey_is_away(house: House, fragile: Fragile) -> None:
    key = house.key(rate_limit=20, rate_burst=10)
    _require_known(fragile, key)
    callers = Callers([fragile.gate.port], [key.secret])
    callers.pace = 0.002

    fragile.to_valkey.break_by(Fault.REFUSED)
    try:
        tally = callers.until(lambda seen: seen[429] >= 200, connections=8)
    finally:
        fragile.to_valkey.heal()

    assert tally.statuses.keys() == {204, 429}
    assert tally.statuses[204] <= 2 * 10 + 20 * tally.seconds
    _require_recovery(house, fragile)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SWALLOWED])
def test_unknown_keys_wait_for_postgres(fault: Fault, house: House, fragile: Fragile) -> None:
    unseen, nobodys = house.key().secret, mint_key(EnvironmentName.LIVE).text
    spoiled = unseen[:-1] + ("0" if unseen[-1] != "0" else "1")

    fragile.to_postgres.break_by(fault)
    try:
        answers = [ask_once(fragile.gate.port, key) for key in (unseen, nobodys, spoiled)]
        health = httpx.get(f"{fragile.gate.url}/healthz", timeout=60)
        with at_most(2):
            readiness = httpx.get(f"{fragile.gate.url}/readyz", timeout=60)
    finally:
        fragile.to_postgres.heal()

    assert [seen.status for seen in answers] == [503, 503, 401]
    assert (health.status_code, readiness.status_code) == (200, 503)
    assert readiness.headers["Content-Type"] in {"application/problem+json", "application/json"}
    _require_recovery(house, fragile)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Fault.REFUSED, 16, marks=LONG),
        pytest.param(Fault.SWALLOWED, 16, marks=LONG),
        pytest.param(Fault.REFUSED, 36, marks=LONG),
    ],
)
def test_pages_and_api_come_back_with_postgres(
    fault: Fault, seconds: float, house: House, fragile: Fragile
) -> None:
    """However long the outage was: a pool that waits longer from try to try would not notice its end."""
    assert _is_served(fragile)
    fragile.to_postgres.break_by(fault)
    healed_at = time.monotonic() + seconds
    try:
        while time.monotonic() < healed_at:
            assert not _is_served(fragile)
            time.sleep(0.5)
    finally:
        fragile.to_postgres.heal()

    _require_recovery(house, fragile)


def test_postgres_cuts_every_connection(house: House, fragile: Fragile) -> None:
    key = house.key()
    _require_known(fragile, key)

    for _ in range(3):
        until(lambda: _statuses_after_a_cut(house, fragile, key) == [204, 204])

    _require_recovery(house, fragile)


def _statuses_after_a_cut(house: House, fragile: Fragile, key: Issued) -> list[int]:
    """Return what a known and an unknown key are told; nothing if the machine stood still, which looks like an outage."""
    unseen = house.key()
    with Machine() as machine:
        fragile.to_postgres.cut()
        told = [ask_once(fragile.gate.port, one.secret).status for one in (key, unseen)]
    if machine.stood_still > 0.5:
        return []
    assert told == [204, 204]
    return told


def test_valkey_starts_again_and_has_forgotten_everything(house: House, fragile: Fragile) -> None:
    key = house.key(quota_limit=10**6, quota_period="month")
    _require_known(fragile, key)
    callers = Callers([fragile.gate.port], [key.secret], uri="/orders/1")
    callers.pace = 0.01
    answers = callers.tally.answers

    with callers.meanwhile(connections=4):
        until(lambda: len(answers) > 20)
        fragile.valkey.stop()
        time.sleep(0.5)
        fragile.valkey.start()
        fragile.valkey.wait()
        with redis.Redis(port=fragile.valkey.port or 0, password=servers.PASSWORD) as client:
            client.flushall()
        emptied = len(answers)
        until(lambda: len(answers) > emptied + 200)

    assert callers.tally.statuses.keys() == {204}
    _require_recovery(house, fragile)


def _under(
    house: House, fragile: Fragile, way: FaultyWay, fault: Fault, seconds: float, path: str
) -> list[Seen]:
    """Call all the time while the way is broken, and return what was seen of a known key; nobody may wait long."""
    key = house.key()
    callers = Callers([fragile.gate.port], [key.secret], uri=path)
    callers.pace = 0.02
    _require_known(fragile, key)
    answers = callers.tally.answers
    with Machine() as machine, callers.meanwhile(connections=4):
        until(lambda: len(answers) > 20)
        way.break_by(fault)
        time.sleep(seconds)
        way.heal()
        healed = len(answers)
        until(lambda: len(answers) > healed + 40)
    _require_recovery(house, fragile)
    longest = max(seen.got_at - seen.sent_at for seen in answers)
    assert longest < 1.5 + machine.stood_still
    return answers


def _require_known(fragile: Fragile, key: Issued) -> None:
    """Wait until the key is in the gate's memory and its calls pass."""
    until(lambda: ask_once(fragile.gate.port, key.secret).status == 204)


def _is_served(fragile: Fragile) -> bool:
    """Whether a stranger who tries to sign in is refused for that, and not since PostgreSQL is away."""
    stranger = {"email": "stranger@example.test", "password": "x" * 12}
    answer = httpx.post(f"{fragile.gate.url}/api/v1/auth/login", json=stranger, timeout=60)
    assert answer.status_code in {401, 429, 503}
    assert answer.status_code == 401 or answer.headers["Retry-After"]
    return answer.status_code != 503


def _require_recovery(house: House, fragile: Fragile) -> None:
    """Wait for sign-in, and until a new key is loaded and its credits are counted; five seconds at most."""
    with at_most(RECOVERY):
        key = house.key(credits_micro=1_000_000_000, credits_refill="none")
        until(lambda: ask_once(fragile.gate.port, key.secret).status == 204)
        until(lambda: httpx.get(f"{fragile.gate.url}/readyz", timeout=60).status_code == 200)
        until(lambda: _is_served(fragile))
