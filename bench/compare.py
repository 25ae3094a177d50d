"""The gate beside what it is compared with: interleaved rounds on one core, medians, processor time, ratios."""

import asyncio
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field

from bench import load, machine
from bench.contestants import Contestant, Field
from tests.doubles.callers import Callers

WARM_UP_SECONDS = 0.5
PACED_RATE = 5_000


@dataclass
class Line:
    """What one contestant did in all rounds."""

    per_second: list[float] = field(default_factory=list)
    cpu_micros: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def speed(self) -> float:
        """The median of requests per second."""
        return statistics.median(self.per_second)

    @property
    def cost(self) -> float:
        """The median of the server's processor time for one request, in microseconds."""
        return statistics.median(self.cpu_micros)


@dataclass(frozen=True)
class Outcome:
    """Everything that was measured."""

    lines: dict[str, Line]
    absent: dict[str, str]
    paced: dict[str, load.Result]
    admitted: dict[str, float]


def compare(field_: Field, *, rounds: int, seconds: float, between: "Between") -> Outcome:
    """Measure everyone in turn, as often as there are rounds; then latency at a fixed rate and exactness."""
    lines: dict[str, Line] = defaultdict(Line)
    for _ in range(rounds):
        for contestant in field_.contestants:
            _measure(field_.wrk, contestant, seconds, lines[contestant.name])
            between()
    paced = {}
    for name in ("bare ASGI hello on uvicorn", "gate, strict, 1,000 keys", "gate, leased, 10 keys"):
        one = field_.called(name)
        if one:
            paced[name] = asyncio.run(
                load.at_rate(one.port, one.requests, rate=PACED_RATE, seconds=2 * seconds)
            )
            between()
    return Outcome(dict(lines), field_.absent, paced, _admitted(field_, seconds))


def _measure(wrk: load.Wrk, contestant: Contestant, seconds: float, line: Line) -> None:
    wrk.run(contestant.port, contestant.file, WARM_UP_SECONDS)
    before = machine.cpu_seconds(contestant.sessions)
    result = wrk.run(contestant.port, contestant.file, seconds)
    used = machine.cpu_seconds(contestant.sessions) - before
    line.per_second.append(result.per_second)
    line.cpu_micros.append(1e6 * used / max(1, result.requests))
    line.p99_ms.append(result.p99_ms)
    line.errors += result.errors
