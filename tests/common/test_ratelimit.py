"""The bucket of our own API: exact, refusing costs nothing, and patient when Redis is away."""

import secrets
import time

import pytest

from config.common import ratelimit
from config.common import redis as connections
from config.common.ratelimit import Rate

SLOW = Rate(limit=1, per_seconds=3600, burst=3)


@pytest.fixture
def bucket():
    return secrets.token_hex(8)


def test_lets_the_burst_pass_and_not_one_more(bucket):
    verdicts = [ratelimit.take(bucket, SLOW) for _ in range(5)]

    assert [verdict.is_allowed for verdict in verdicts] == [True, True, True, False, False]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0, 0]


def test_says_when_to_come_back(bucket):
    began = time.monotonic()
    for _ in range(3):
        ratelimit.take(bucket, SLOW)

    verdict = ratelimit.take(bucket, SLOW)

    took = time.monotonic() - began
    assert 3600 - took <= verdict.retry_after_seconds <= 3600
    assert 3 * 3600 - took <= verdict.reset_seconds <= 3 * 3600


def test_a_refused_call_writes_nothing(bucket):
    for _ in range(3):
        ratelimit.take(bucket, SLOW)
    before = connections.client().get(connections.key("r", bucket))

    ratelimit.take(bucket, SLOW)

    assert connections.client().get(connections.key("r", bucket)) == before


def test_a_lowered_rate_leaves_a_debt_of_one_bucket(bucket):
    for _ in range(3):
        ratelimit.take(bucket, SLOW)

    verdict = ratelimit.take(bucket, Rate(limit=10, per_seconds=1, burst=1))

    assert (verdict.is_allowed, verdict.retry_after_seconds, verdict.reset_seconds) == (False, 1, 1)
    time.sleep(0.11)
    assert ratelimit.take(bucket, Rate(limit=10, per_seconds=1, burst=1)).is_allowed


def test_a_clock_that_is_set_back_leaves_a_debt_of_one_bucket(bucket):
    fast = Rate(limit=20, per_seconds=1, burst=2)
    ratelimit.take(bucket, fast)
    kept = connections.key("r", bucket)
    # As if the call had come an hour from now, and Redis's clock were put right.
    connections.client().incrby(kept, 3_600_000_000)

    assert not ratelimit.take(bucket, fast).is_allowed
    time.sleep(0.06)
    assert ratelimit.take(bucket, fast).is_allowed


def test_lets_pass_while_redis_is_away(bucket, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert ratelimit.take(bucket, SLOW).is_allowed
