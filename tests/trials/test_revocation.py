"""After the answer to a change, no gate accepts the old state for longer than two seconds."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from accounts.services import suspension as people
from apikeys.services import keys
from billing.services import subscriptions
from organizations.services import limits, suspension
from tests import servers
from tests.doubles.callers import Callers, Seen
from tests.doubles.faults import Fault, FaultyWay, faulty_way
from tests.doubles.fixtures import enterable_directory
from tests.doubles.house import House, Issued
from tests.doubles.stack import Gate, Stack
from tests.patience import Machine, until

STRICT, LEASED = "/orders/1", "/leased/1"
DEADLINE = 2.0
# So many answers in a row, of all connections to both gates, say that every gate knows.
SETTLED = 60
Change = Callable[[House, Issued], object]

ENDINGS: dict[str, Change] = {
    "revoke": lambda _, key: keys.revoke_key(key=key.row, at=timezone.now()),
    "rotate": lambda _, key: keys.rotate_key(key=key.row, overlap_seconds=0, at=timezone.now()),
    "disable": lambda _, key: keys.update_key(
        key=key.row, settings={"enabled": False}, at=timezone.now()
    ),
    "expire": lambda _, key: keys.update_key(
        key=key.row,
        settings={"expires_at": timezone.now() + timedelta(seconds=0.3)},
        at=timezone.now(),
    ),
    "narrow": lambda _, key: keys.update_key(
        key=key.row, settings={"scopes": []}, at=timezone.now()
    ),
    "fence": lambda _, key: keys.update_key(
        key=key.row, settings={"ip_allowlist": ["198.51.100.1"]}, at=timezone.now()
    ),
    "suspend organization": lambda house, _: suspension.suspend(
        organization=house.organization, reason="trial"
    ),
    "suspend person": lambda house, _: people.suspend(user=house.owner, reason="trial"),
}
# What makes a limit another one: the key goes on passing, and every answer tells which limit it was held to.
LIMITS: dict[str, Change] = {
    "lower rate": lambda _, key: keys.update_key(
        key=key.row, settings={"rate_limit": 1, "rate_burst": 1}, at=timezone.now()
    ),
    "new quota": lambda _, key: keys.update_key(
        key=key.row, settings={"quota_limit": 5, "quota_period": "day"}, at=timezone.now()
    ),
    "override of the organization": lambda house, _: limits.override_limits(
        organization=house.organization,
        limits={"rate_limit": 7, "rate_per_seconds": 1, "rate_burst": 7, "quota_limit": None},
    ),
    "smaller plan": lambda house, _: subscriptions.change_plan(
        organization=house.organization, plan_code="FREE"
    ),
}
CHANGES = ENDINGS | LIMITS
# A rule without a scope has nothing that a key could lack.
OF_LEASES = [what for what in CHANGES if what != "narrow"]


def long_but_for(first: str, *names: str) -> list[Any]:
    """Mark all of these but the first as trials."""
    return [first, *(pytest.param(name, marks=pytest.mark.trial) for name in names)]


names = iter(f"customer-{number}" for number in range(1000))


@pytest.fixture
def customer(house: House) -> House:
    """A customer of this test's own, who may be suspended."""
    return house.another(next(names))


@pytest.fixture(scope="module")
def deaf_gates(
    stack: Stack,
) -> Iterator[tuple[list[Gate], FaultyWay, redis.Redis]]:
    """Two gates with a Valkey of their own, which no announcement of the test's services reaches."""
    with enterable_directory() as home, servers.own_valkey(home) as valkey:
        assert valkey.port
        with faulty_way(valkey.port) as way:
            url = f"redis://:{servers.PASSWORD}@127.0.0.1:{way.port}/0"
            client = redis.Redis(port=valkey.port, password=servers.PASSWORD)
            gates = [stack.gate(REDIS_URL=url, IMPATIENT_WITH="redis") for _ in range(2)]
            try:
                yield gates, way, client
            finally:
                client.close()
                for gate in gates:
                    gate.stop()


@pytest.mark.parametrize("what", CHANGES)
def test_every_gate_knows_in_two_seconds(what: str, customer: House, gates: list[Gate]) -> None:
    _watched(gates, customer, what)


@pytest.mark.parametrize("what", long_but_for(*OF_LEASES))
def test_no_lease_outlives_what_it_was_given_for(
    what: str, customer: House, gates: list[Gate]
) -> None:
    _watched(gates, customer, what, uri=LEASED)


def test_a_lower_limit_holds_in_two_seconds(customer: House, gates: list[Gate]) -> None:
    answers = _watched(gates, customer, "lower rate")

    late = answers[-SETTLED:]
    seconds = max(seen.got_at for seen in late) - min(seen.sent_at for seen in late)
    (policy,) = {seen.header("RateLimit-Policy") for seen in late}
    assert (policy or "").startswith('"burst";q=1;w=1, ')
    assert sum(seen.status == 204 for seen in late) <= 1 + seconds


@pytest.mark.parametrize("what", long_but_for(*CHANGES))
def test_every_gate_knows_though_nobody_told_it(
    what: str,
    customer: House,
    deaf_gates: tuple[list[Gate], FaultyWay, redis.Redis],
) -> None:
    _watched(deaf_gates[0], customer, what)


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("revoke", Fault.REFUSED),
        pytest.param("revoke", Fault.SWALLOWED, marks=pytest.mark.trial),
        *(
            pytest.param(what, Fault.REFUSED, marks=pytest.mark.trial)
            for what in CHANGES
            if what != "revoke"
        ),
    ],
)
def test_old_data_of_a_valkey_that_was_away_revives_nothing(
    what: str,
    fault: Fault,
    customer: House,
    deaf_gates: tuple[list[Gate], FaultyWay, redis.Redis],
) -> None:
    gates, way, valkey = deaf_gates

    def come_back(old: dict[bytes, bytes | None]) -> None:
        _restore(valkey, old)
        way.heal()

    def while_valkey_is_away(house: House, key: Issued) -> None:
        old = {name: valkey.dump(name) for name in valkey.keys("*")}
        way.break_by(fault)
        CHANGES[what](house, key)
        threading.Timer(1.0, come_back, [old]).start()

    _watched(gates, customer, what, change=while_valkey_is_away, after=4.5)


def _restore(valkey: redis.Redis, old: dict[bytes, bytes | None]) -> None:
    valkey.flushall()
    for name, content in old.items():
        if content is not None:
            valkey.restore(name, 0, content)


def _watched(
    gates: list[Gate],
    house: House,
    what: str,
    *,
    change: Change | None = None,
    uri: str = STRICT,
    after: float = 0.0,
) -> list[Seen]:
    """Call both gates all the time, make the change, and return what was seen, at the end of it only the new.

    Nobody is told the old two seconds after the change was answered; `after` is for how long to look at least.
    """
    key = house.key(quota_limit=10**6, quota_period="month")
    callers = Callers([gate.port for gate in gates], [key.secret], uri=uri)
    callers.pace = 0.02
    answers = callers.tally.answers
    with Machine() as machine, callers.meanwhile(connections=4):
        until(lambda: len(answers) > 20)
        before = answers[:20]
        policy = before[0].header("RateLimit-Policy")

        def is_new(seen: Seen) -> bool:
            if what in ENDINGS:
                return seen.status in {401, 403}
            return seen.header("RateLimit-Policy") not in {policy, None}

        (change or CHANGES[what])(house, key)
        done_at = time.monotonic()
        time.sleep(after)
        until(lambda: all(is_new(seen) and seen.sent_at > done_at for seen in answers[-SETTLED:]))
    assert {seen.status for seen in before} == {204}
    old = [seen.sent_at for seen in answers if not is_new(seen)]
    assert max(old) <= done_at + DEADLINE + machine.stood_still
    return answers


def test_a_rotation_under_load_refuses_nobody(house: House, gates: list[Gate]) -> None:
    _rotate_under_load(house, gates, overlap=2)


@pytest.mark.trial
def test_a_rotation_under_load_refuses_nobody_for_a_minute(house: House, gates: list[Gate]) -> None:
    _rotate_under_load(house, gates, overlap=60)


def _rotate_under_load(house: House, gates: list[Gate], *, overlap: int) -> None:
    """Call 100 times a second with the old secret: all pass in the overlap, none two seconds after it."""
    key = house.key()
    callers = Callers([gate.port for gate in gates], [key.secret], uri="/orders/1")
    callers.pace = 0.1
    answers = callers.tally.answers
    with Machine() as machine, callers.meanwhile(connections=10):
        until(lambda: len(answers) > 20)
        asked_at = time.monotonic()
        _, secret = keys.rotate_key(key=key.row, overlap_seconds=overlap, at=timezone.now())
        ends_at = time.monotonic() + overlap + DEADLINE
        time.sleep(overlap + DEADLINE)
        ends_at += machine.stood_still
        until(lambda: sum(seen.sent_at > ends_at for seen in [*answers]) > 20)
    fresh = Callers([gate.port for gate in gates], [secret], uri="/orders/1")

    in_time = [seen for seen in answers if seen.got_at < asked_at + overlap]
    too_late = [seen for seen in answers if seen.sent_at > ends_at]
    assert {seen.status for seen in in_time} == {204}
    assert {seen.status for seen in too_late} == {401}
    assert fresh.for_seconds(0.2, connections=2).statuses.keys() == {204}
