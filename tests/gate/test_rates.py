"""What a plan's ceiling leaves of a key's own rate."""

import pytest

from apikeys.gateway.limits import Rate


@pytest.mark.parametrize(
    ("own", "ceiling", "left"),
    [
        (Rate(50, 1, 100), None, Rate(50, 1, 100)),
        (Rate(50, 1, 100), 50, Rate(50, 1, 100)),
        (Rate(50, 1, 600), 10, Rate(10, 1, 600)),
        (Rate(50, 2, 100), 10, Rate(20, 2, 100)),
        # What was given under a larger plan: neither the rate nor the bucket stays as large.
        (Rate(1_000, 1, 60_000), 10, Rate(10, 1, 600)),
        (Rate(1, 1, 60_000), 10, Rate(1, 1, 600)),
        (Rate(100, 60, 60_000), 10, Rate(100, 60, 600)),
        (Rate(50, 1, 100), 0, Rate(1, 1, 1)),
    ],
)
def test_ceiling_holds_for_rate_and_burst(own, ceiling, left):
    assert own.clamped(ceiling) == left
    assert own.clamped(ceiling).interval > 0
