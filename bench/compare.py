"""The gate beside what it is compared with: interleaved rounds on one core, medians, processor time, ratios."""

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench import load, machine
from bench.contestants import Contestant, Field
from tests.doubles.callers import Callers

PACED_RATE = 5_000
PACED = ("bare ASGI hello on uvicorn", "gate, strict, 1,000 keys", "gate, leased, 10 keys")
_WARM_UP_SECONDS = 1


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


def compare(
    everyone: Field, *, rounds: int, seconds: float, between: Callable[[], None]
) -> Outcome:
    """Measure everyone in turn, as often as there are rounds; then latency at a fixed rate and exactness."""
    lines: dict[str, Line] = defaultdict(Line)
    for number in range(rounds):
        for contestant in everyone.contestants:
            print(f"round {number + 1} of {rounds}: {contestant.name}", file=sys.stderr, flush=True)
            _measure(everyone.wrk, contestant, seconds, lines[contestant.name])
            between()
    paced: dict[str, list[load.Result]] = defaultdict(list)
    for _ in range(rounds):
        for one in filter(None, map(everyone.called, PACED)):
            result = load.at_rate(one.port, one.requests, rate=PACED_RATE, seconds=2 * seconds)
            paced[one.name].append(result)
            between()
    return Outcome(
        dict(lines),
        everyone.absent,
        {name: _median(results) for name, results in paced.items()},
        _admitted(everyone, 3 * seconds),
    )


def _median(results: list[load.Result]) -> load.Result:
    """Return the round in the middle by its slowest hundredth, with the errors of all rounds."""
    middle = sorted(results, key=lambda result: result.p99_ms)[len(results) // 2]
    return replace(middle, errors=sum(result.errors for result in results))


def _measure(wrk: load.Wrk, contestant: Contestant, seconds: float, line: Line) -> None:
    wrk.run(contestant.port, contestant.file, _WARM_UP_SECONDS)
    before = machine.cpu_seconds(contestant.sessions)
    result = wrk.run(contestant.port, contestant.file, seconds)
    used = machine.cpu_seconds(contestant.sessions) - before
    line.per_second.append(result.per_second)
    line.cpu_micros.append(1e6 * used / max(1, result.requests))
    line.p99_ms.append(result.p99_ms)
    line.errors += result.errors


def _admitted(everyone: Field, seconds: float) -> dict[str, float]:
    """Offer far more than the rate to two processes and return how much of what is allowed was admitted."""
    rate, burst = 1_000, 500
    ports = [everyone.stack.gate().port for _ in range(2)]
    shares = {}
    for mode, uri in (("strict", "/orders/1"), ("leased", "/leased/1")):
        key = everyone.house.key(rate_limit=rate, rate_per_seconds=1, rate_burst=burst)
        tally = Callers(ports, [key.secret], uri=uri).for_seconds(seconds, connections=50)
        shares[mode] = tally.statuses[204] / (burst + rate * tally.seconds)
    return shares
