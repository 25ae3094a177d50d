"""A real proxy with the shipped configuration before a real API and a real gate."""

from collections.abc import Iterator

import httpx
import pytest

from tests.doubles.fixtures import house, stack
from tests.doubles.stack import Gate, Proxy, Stack
from tests.doubles.upstream import Upstream, running_upstream

__all__ = ["house", "stack"]

pytest.register_assert_rewrite("tests.proxy.any_proxy")


@pytest.fixture(scope="module")
def gate(stack: Stack) -> Gate:
    """The web process that the proxy asks."""
    return stack.gate()


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """The API that is protected."""
    with running_upstream() as running:
        yield running


@pytest.fixture(autouse=True)
def _unused_api(api: Upstream) -> None:
    """Start every test with an API that has seen nothing."""
    api.calls.clear()


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    """A client of the proxy that keeps its connections."""
    with httpx.Client(base_url=proxy.url, timeout=10) as connected:
        yield connected
