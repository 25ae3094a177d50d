"""A gate without Redis: rates are kept by its process alone, and refusals say what refused and for how long."""

import pytest
from django.utils import timezone

from apikeys.services import keys
from tests.gate.asking import authorize
from tests.patience import at_most, until


@pytest.fixture(scope="module")
def lone_gate(start_gate):
    """A gate whose Redis does not exist."""
    return start_gate(REDIS_URL="redis://127.0.0.1:1/0", GATEWAY_PROCESSES="2")


def test_a_rules_own_rate_is_named_with_its_wait(house, lone_gate):
    key = house.key()

    first, second = (authorize(lone_gate, key.secret, "/slow/x") for _ in range(2))

    assert (first.status, second.status) == (204, 429)
    assert second.json["violated_policies"] == ["route"]
    # Of one call per minute, each of two processes grants one in two minutes.
    assert 100 < int(second.headers["retry-after"]) <= 120
    wait = second.headers["retry-after"]
    assert f'"route";r=0;t={wait}' in second.headers["ratelimit"]


def test_a_changed_rate_holds_within_two_seconds(house, lone_gate):
    key = house.key(rate_limit=1, rate_per_seconds=3600, rate_burst=2)
    assert [authorize(lone_gate, key.secret).status for _ in range(2)] == [204, 429]

    keys.update_key(
        key=key.row,
        settings={"rate_limit": 1000, "rate_per_seconds": 1, "rate_burst": 1000},
        at=timezone.now(),
    )

    with at_most(2):
        until(lambda: authorize(lone_gate, key.secret).status == 204, seconds=30)
