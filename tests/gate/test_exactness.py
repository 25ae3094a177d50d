"""Two gate processes count as one: credits, events, numbers told, leases handed back, limits changed."""

import pytest
from django.utils import timezone

from apikeys.models import ApiKey, RouteRule
from apikeys.services import apis, keys
from apikeys.services.key_checks import KeyChanges
from tests.doubles.callers import Callers
from tests.gate.asking import authorize
from tests.patience import at_most, until, within_one

_WIDE = {
    "rate_limit": 100_000, "rate_per_seconds": 1, "rate_burst": 100_000,
    "quota_limit": 10**6, "quota_period": "day",
}  # fmt: skip


@pytest.fixture(scope="module")
def two_gates(start_gate):
    """Two processes."""
    return [start_gate(), start_gate()]


def _drive(gates, secret, uri, seconds, connections=20):
    return Callers([gate.port for gate in gates], [secret], uri=uri).for_seconds(
        seconds, connections=connections
    )


def test_credits_are_used_up_exactly(house, two_gates):
    key = house.key(credits_micro=300_000_000)

    callers = Callers([gate.port for gate in two_gates], [key.secret], uri="/leased/x")

    tally = callers.until(lambda seen: seen[402] >= 500, connections=20)

    assert tally.statuses[204] == 300
    assert set(tally.statuses) == {204, 402}


@pytest.mark.parametrize("uri", ["/free", "/leased/x"], ids=["strict", "leased"])
def test_every_call_that_passed_has_one_event(house, two_gates, usage_events, uri):
    key = house.key(rate_limit=500, rate_per_seconds=1, rate_burst=50)

    tally = _drive(two_gates, key.secret, uri, 1)

    # The last events of the test before may arrive in this one.
    def mine():
        return [event for event in usage_events() if event[2] == key.row.pk]

    until(lambda: len(mine()) >= tally.statuses.total())
    events = mine()
    passed = [event[0] for event in events if event[7] == "VALID"]
    refused = [event[0] for event in events if event[7] == "RATE_LIMITED"]
    assert set(passed) == tally.ids(204)
    assert set(refused) == tally.ids(429)
    assert len(events) == len({event[0] for event in events})


def test_numbers_fall_without_a_break(house, gate):
    key = house.key(rate_limit=1, rate_per_seconds=3600, rate_burst=70)

    remaining = [
        int(authorize(gate, key.secret, "/free").headers["x-ratelimit-remaining"])
        for _ in range(70)
    ]

    assert remaining == list(range(69, -1, -1))
    assert authorize(gate, key.secret, "/free").status == 429


def test_leases_go_back_when_they_are_not_used(house, two_gates, redis_client):
    key = house.key(**_WIDE)

    within_one("day")
    tally = _drive(two_gates, key.secret, "/leased/x", 1)

    until(lambda: _used(redis_client, key) <= tally.statuses[204], "leases are kept")
    assert _used(redis_client, key) == tally.statuses[204]


def test_changes_under_load_neither_spend_twice_nor_keep_anything(
    house, two_gates, redis_client, usage_events
):
    key, rule = house.key(**_WIDE), RouteRule.objects.get(path_pattern="/leased/*")
    callers = Callers([gate.port for gate in two_gates], [key.secret], uri="/leased/x")
    answers = callers.tally.answers

    def wait_for(more):
        least = len(answers) + more
        until(lambda: len(answers) > least)

    within_one("day")
    with callers.meanwhile(connections=20):
        for mode, limit, enabled in (
            *(("strict", 50_000, True), ("leased", 300, True), ("leased", 100_000, False)),
            *(("strict", 100_000, True), ("leased", 100_000, True)),
        ):
            wait_for(300)
            apis.update_rule(rule=rule, settings={"mode": mode}, by=None)
            changed: KeyChanges = {"rate_limit": limit, "rate_burst": limit, "enabled": enabled}
            keys.update_key(key=key.row, settings=changed, at=timezone.now())
        wait_for(3_000)

    passed = callers.tally.statuses[204]
    until(lambda: _used(redis_client, key) <= passed, "leases are kept")
    assert _used(redis_client, key) == passed
    valid = [event[0] for event in usage_events() if (event[2], event[7]) == (key.row.pk, "VALID")]
    assert (len(valid), len(set(valid))) == (passed, passed)


def _used(redis_client, key):
    (counter,) = redis_client.keys(f"*q:k:{key.row.pk}:*")
    return int(redis_client.get(counter))


def test_changed_limit_is_heeded_in_two_seconds(house, two_gates):
    key = house.key(rate_limit=1000, rate_per_seconds=1, rate_burst=1000)

    def knows(gate):
        return "q=1;w=3600" in authorize(gate, key.secret).headers["ratelimit-policy"]

    for gate in two_gates:
        assert authorize(gate, key.secret).status == 204

    ApiKey.objects.filter(pk=key.row.pk).update(rate_limit=1, rate_per_seconds=3600, rate_burst=1)

    with at_most(2):
        until(lambda: all(map(knows, two_gates)))
    assert 429 in [authorize(gate, key.secret).status for gate in two_gates]
