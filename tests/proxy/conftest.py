"""A real proxy with the shipped configuration before a real API and a real gate."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.doubles.house import House, open_house
from tests.doubles.stack import Gate, Proxy, Stack, running_stack
from tests.doubles.upstream import Upstream, running_upstream

pytest.register_assert_rewrite("tests.proxy.any_proxy")


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[House]:
    """A customer with keys."""
    with django_db_blocker.unblock(), open_house() as furnished:  # type: ignore[attr-defined]
        furnished.rule("/orders/*", required_scope="orders:read")
        furnished.rule("/admin/*", required_scope="admin:all")
        yield furnished


@pytest.fixture(scope="module")
def stack(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The programs of this module."""
    directory: Path = tmp_path_factory.mktemp("stack")
    # nginx drops root's rights for its workers, who must still find their files.
    for folder in (directory, *directory.parents[:2]):
        folder.chmod(0o755)
    with running_stack(directory) as running:
        yield running


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
