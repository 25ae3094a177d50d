"""A real proxy with the shipped configuration before a real API and a real gate."""

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
import redis
from django.conf import settings

from tests.doubles.fixtures import house, stack, usage
from tests.doubles.house import Issued
from tests.doubles.stack import Gate, Proxy, Stack
from tests.doubles.upstream import Upstream, running_upstream

__all__ = ["house", "stack", "usage"]

pytest.register_assert_rewrite(
    "tests.proxy.any_proxy", "tests.proxy.any_proxy_attacked", "tests.proxy.refusing"
)


@pytest.fixture(scope="module")
def gate(stack: Stack) -> Gate:
    """The web process that the proxy asks."""
    return stack.gate()


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """The API that is protected."""
    with running_upstream() as running:
        yield running


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes calls and never answers one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def _unused_api(api: Upstream) -> None:
    """Start every test with an API that has seen nothing."""
    api.calls.clear()


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    """A client of the proxy that keeps its connections."""
    with httpx.Client(base_url=proxy.url, timeout=60) as connected:
        yield connected


@pytest.fixture
def elapse(redis_client: redis.Redis) -> Callable[[Issued, int], None]:
    """Let seconds pass for the bucket of a key: it is the tick of 100 ns at which it will be full again."""

    def pass_by(key: Issued, seconds: int) -> None:
        name = f"{settings.REDIS_PREFIX}b:{key.row.pk}"
        full_at = int(float(redis_client.get(name) or 0))
        redis_client.set(name, full_at - seconds * 10_000_000, keepttl=True)

    return pass_by
