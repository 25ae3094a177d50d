"""A load generator before a proxy, and what the API and the gate saw of it."""

import re
import subprocess
from dataclasses import dataclass

from tests.doubles.bucket import Usage
from tests.doubles.house import House
from tests.doubles.stack import Gate, Proxy
from tests.doubles.upstream import Upstream

CONNECTIONS = 16
_ROUNDS = 10


@dataclass(frozen=True)
class Load:
    """Two seconds as the generator, the API and the gate saw them."""

    rate: int
    burst: int
    passed: int
    broken: int
    arrived: set[str | None]
    granted: dict[str, float]
    refused: dict[str, float]
    decided_locally: float

    @property
    def is_telling(self) -> bool:
        """Whether the machine let the generator ask for more than it got until the end, and the gate ask Valkey."""
        moments = self.granted.values()
        half_way = (min(moments) + max(moments)) / 2 if moments else 0.0
        return max(self.refused.values(), default=0.0) > half_way and not self.decided_locally


def under_load(house: House, proxy: Proxy, gate: Gate, api: Upstream, usage: Usage) -> Load:
    """Ask as often as possible with a key of its own; again where the machine stood still and nothing can be said."""
    rounds = (_one_round(house, proxy, gate, api, usage) for _ in range(_ROUNDS))
    return next(load for load in rounds if load.is_telling)


def _one_round(house: House, proxy: Proxy, gate: Gate, api: Upstream, usage: Usage) -> Load:
    rate, burst = 200, 100
    key = house.key(rate_limit=rate, rate_burst=burst)
    before = _decided_locally(gate)
    header = f"X-API-Key: {key.secret}"
    report = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", "-d2s", "-H", header, proxy.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    calls = [call for call in api.calls if call.header("X-Key-Id") == str(key.row.pk)]
    return Load(
        rate=rate,
        burst=burst,
        passed=_told(report, r"(\d+) requests in")
        - _told(report, r"Non-2xx or 3xx responses: (\d+)"),
        broken=_told(report, r"Socket errors: connect \d+, read (\d+)"),
        arrived={call.header("X-Request-Id") for call in calls},
        granted=usage(key, "VALID"),
        refused=usage(key, "RATE_LIMITED"),
        decided_locally=_decided_locally(gate) - before,
    )


def _decided_locally(gate: Gate) -> float:
    return gate.metrics().get("tollgate_gate_decided_locally_total", 0.0)


def _told(report: str, pattern: str) -> int:
    found = re.search(pattern, report)
    return int(found[1]) if found else 0
