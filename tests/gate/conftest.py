"""A house and gates for this folder's tests from outside, and the gate's own parts for those from inside."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from django.conf import settings
from django.utils import timezone

from apikeys.services import service_keys
from config.embedded.valkey import Valkey
from tests import servers
from tests.doubles.fixtures import enterable_directory, renew
from tests.doubles.house import House, open_house
from tests.doubles.stack import Gate
from tests.ports import free_port

_COMMAND = [
    *(sys.executable, "-m", "uvicorn", "tests.doubles.gate_only:application"),
    *("--host", "127.0.0.1", "--lifespan", "on", "--no-proxy-headers", "--no-access-log"),
    *("--log-level", "warning", "--timeout-graceful-shutdown", "60"),
]
_PROTOCOL = ("--http", "apikeys.gateway.protocol:GateProtocol")


class _Bare(Gate):
    """A server that passes the gate's paths on, too."""

    def _decides(self) -> bool:
        return True


StartGate = Callable[..., Gate]


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    """A Valkey of one module's own, to be stopped, filled or given old data."""
    with enterable_directory() as home, servers.own_valkey(home) as server:
        yield server


@pytest.fixture
def observer(valkey: Valkey) -> Iterator[redis.Redis]:
    """An observer of it; it begins empty and with room."""
    with redis.Redis(port=valkey.port or 0, password=servers.PASSWORD) as observer:
        observer.config_set("maxmemory", 0)
        observer.flushdb()
        yield observer
        observer.config_set("maxmemory", 0)


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    """A customer and an API with a rule of every kind, committed for this module."""
    with django_db_blocker.unblock(), open_house(renew) as furnished:
        furnished.rule("/orders/*", required_scope="orders:read", methods=["GET"])
        furnished.rule("/admin/*", required_scope="admin:all")
        furnished.rule("/leased/*", mode="leased")
        furnished.rule("/dear/*", cost=5)
        furnished.rule("/slow/*", rate_limit=1, rate_per_seconds=60, rate_burst=2)
        yield furnished


@contextlib.contextmanager
def gates(directory: Path) -> Iterator[StartGate]:
    """Hand out gate processes and stop them in the end."""
    running: list[Gate] = []

    def start(*, is_plain_asgi: bool = False, **environment: str) -> Gate:
        port = free_port()
        command = [*_COMMAND, "--port", str(port), *(() if is_plain_asgi else _PROTOCOL)]
        settled = {
            "GATEWAY_TRUSTED_PROXIES": "127.0.0.0/8",
            "PUBLIC_URL": "https://tollgate.test",
            **environment,
        }
        kind = _Bare if "WITHOUT_ASGI_GATE" in environment else Gate
        gate = kind(f"gate-{port}", command, directory, settled, port=port)
        running.append(gate)
        gate.start()
        return gate

    try:
        yield start
    finally:
        for gate in running:
            gate.kill()


@pytest.fixture(scope="module")
def start_gate(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGate]:
    """Start gate processes that live as long as the module."""
    with gates(tmp_path_factory.mktemp("gates")) as start:
        yield start


@pytest.fixture(scope="module")
def gate(start_gate: StartGate) -> Gate:
    """One gate process."""
    return start_gate()


@pytest.fixture(scope="module")
def secret(house: House) -> str:
    """A key that may do everything."""
    return house.key(scopes=["*"]).secret


@pytest.fixture
def service_key(house: House) -> str:
    """The secret of a service key that may verify."""
    name = f"gateway {time.time_ns()}"
    _, secret = service_keys.create_service_key(
        name=name, scopes=["keys:verify"], by=None, at=timezone.now()
    )
    return secret


@pytest.fixture
def usage_events(redis_client: redis.Redis) -> Callable[[], list[list[Any]]]:
    """Read the usage events that were written so far."""

    def read() -> list[list[Any]]:
        stream: Any = redis_client.xrange(f"{settings.REDIS_PREFIX}usage")
        return [orjson.loads(fields[b"e"]) for _, fields in stream]

    return read
