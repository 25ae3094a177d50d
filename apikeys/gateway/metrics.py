"""Counters of the gate as plain integers, written as Prometheus text when somebody asks."""

from collections import defaultdict
from time import perf_counter
from typing import Final

# Upper bounds are powers of two of a microsecond: a bucket is found by the length of an integer, and no time a
# process can live through is longer than 64 bits. Shown are those up to about two seconds.
_BUCKETS: Final = 22
_LENGTHS: Final = 64


class _Durations:
    """How long decisions with one outcome took."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * _LENGTHS
        self.seconds = 0.0


class Metrics:
    """What this process decided and how long it took. One instance per engine, touched by one thread."""

    def __init__(self) -> None:
        self._durations: dict[str, _Durations] = defaultdict(_Durations)
        self.counters: dict[str, int] = defaultdict(int)

    def observe(self, outcome: str, started: float) -> None:
        """Count one decision that began at a `perf_counter()` reading."""
        elapsed = perf_counter() - started
        durations = self._durations[outcome]
        durations.seconds += elapsed
        durations.counts[int(elapsed * 1_000_000).bit_length()] += 1

    def decisions(self) -> dict[str, int]:
        """Return how many decisions ended in each outcome."""
        return {name: sum(durations.counts) for name, durations in self._durations.items()}

    def text(self, gauges: dict[str, float]) -> str:
        """Return the exposition format: a histogram by outcome, the counters, the gauges given."""
        name = "tollgate_gate_decision_seconds"
        lines = [
            f"# HELP {name} Time from the complete request to the decision.",
            f"# TYPE {name} histogram",
        ]
        for outcome, durations in sorted(self._durations.items()):
            total = 0
            for index, count in enumerate(durations.counts[:_BUCKETS]):
                total += count
                bound = (1 << index) / 1_000_000
                lines.append(f'{name}_bucket{{outcome="{outcome}",le="{bound:.6g}"}} {total}')
            total += sum(durations.counts[_BUCKETS:])
            lines.append(f'{name}_bucket{{outcome="{outcome}",le="+Inf"}} {total}')
            lines.append(f'{name}_sum{{outcome="{outcome}"}} {durations.seconds:.6f}')
            lines.append(f'{name}_count{{outcome="{outcome}"}} {total}')
        for counter, value in sorted(self.counters.items()):
            lines += [f"# TYPE tollgate_gate_{counter}_total counter"]
            lines += [f"tollgate_gate_{counter}_total {value}"]
        for gauge, reading in sorted(gauges.items()):
            lines += [f"# TYPE tollgate_gate_{gauge} gauge", f"tollgate_gate_{gauge} {reading:g}"]
        return "\n".join(lines) + "\n"
