"""Olivia's organization has a key, and there is a pen for its usage events."""

from collections.abc import Callable

import pytest

from apikeys.models import ApiKey
from organizations.models import Organization
from tests.analytics.pen import event, new_key, write
from tests.analytics.sums import hour, latency, used


@pytest.fixture
def key(organization: Organization) -> ApiKey:
    """Return a key of the organization."""
    key: ApiKey = new_key(organization, name="Production")
    return key


@pytest.fixture
def emit(key: ApiKey) -> Callable[..., list[bytes | str]]:
    """Return what writes one event of the key per given set of changes."""

    def emit(*changes: dict) -> list[bytes | str]:
        return write(*(event(key, **each) for each in changes or ({},)))

    return emit


@pytest.fixture
def monday(key: ApiKey) -> None:
    """Let the key be used in two hours of that Monday."""
    used(key, hour(9), calls=10, allowed=8, rate_limited=2, units=16, latency=latency(5, 10))
    used(
        key,
        hour(11),
        calls=4,
        allowed=4,
        units=4,
        client_errors=1,
        server_errors=1,
        latency=latency(100),
    )
