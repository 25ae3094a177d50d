"""Sums over a batch, in the shape of the roll-up tables: what to add to which hour, day, key and route."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from analytics import histogram
from analytics.metering.events import ALLOWED, Call

# The first six are counted by outcome; every call is in `calls` and in exactly one of the others.
CALL_COLUMNS = (
    "calls",
    "allowed",
    "rate_limited",
    "quota_exceeded",
    "insufficient_credits",
    "denied",
    "units",
)
REPORT_COLUMNS = ("reported", "client_errors", "server_errors", "bytes_in", "bytes_out")
OUTCOME_COLUMNS = {
    ALLOWED: "allowed",
    "RATE_LIMITED": "rate_limited",
    "QUOTA_EXCEEDED": "quota_exceeded",
    "INSUFFICIENT_CREDITS": "insufficient_credits",
}
_PLACES = {code: CALL_COLUMNS.index(column) for code, column in OUTCOME_COLUMNS.items()}
ALLOWED_PLACE = CALL_COLUMNS.index("allowed")
UNITS_PLACE = CALL_COLUMNS.index("units")
_DENIED_PLACE = CALL_COLUMNS.index("denied")
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

KeyHour = tuple[int, int, int]  # organization, key, hours since 1970
RouteDay = tuple[int, int, str, int]  # organization, API, route, days since 1970


@dataclass(slots=True)
class CallTallies:
    """What a batch of calls adds to the roll-ups. Organizations' sums follow from those of their keys."""

    by_key_hour: dict[KeyHour, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(CALL_COLUMNS))
    )
    by_route_day: dict[RouteDay, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(CALL_COLUMNS))
    )

    def add(self, call: Call, route: str) -> None:
        """Count one call."""
        at_ms, organization_id = call.at_ms, call.organization_id
        place = _PLACES.get(call.outcome, _DENIED_PLACE)
        units = call.units if place == ALLOWED_PLACE else 0  # a refused call costs nothing
        for sums in (
            self.by_key_hour[organization_id, call.key_id, at_ms // _HOUR_MS],
            self.by_route_day[organization_id, call.api_id, route, at_ms // _DAY_MS],
        ):
            sums[0] += 1
            sums[place] += 1
            sums[UNITS_PLACE] += units

    def take_back(self, key_hour: KeyHour, route_day: RouteDay, units: int) -> None:
        """Count the units of a call no more."""
        self.by_key_hour[key_hour][UNITS_PLACE] -= units
        self.by_route_day[route_day][UNITS_PLACE] -= units


@dataclass(slots=True)
class Report:
    """What the proxy says about one call: how it went, how long it took, how large it was."""

    request_id: str
    at_ms: int
    status: int
    latency_ms: int
    bytes_in: int
    bytes_out: int


@dataclass(slots=True)
class ReportSums:
    """What reports add to one row of a roll-up."""

    counts: list[int] = field(default_factory=lambda: [0] * len(REPORT_COLUMNS))
    latency: list[int] = field(default_factory=list)

    def add(self, report: Report, *, was_allowed: bool) -> None:
        """Count one report. Latency and status say something about the API only where the call reached it."""
        of_report = (
            was_allowed,
            was_allowed and 400 <= report.status < 500,
            was_allowed and report.status >= 500,
            report.bytes_in,
            report.bytes_out,
        )
        self._add(of_report)
        if was_allowed:
            histogram.add(self.latency, histogram.bucket(report.latency_ms))

    def merge(self, other: "ReportSums") -> None:
        """Take in the sums of another row."""
        self._add(other.counts)
        self.latency = histogram.merged(self.latency, other.latency)

    def _add(self, counts: Sequence[int]) -> None:
        """Add counts in the order of REPORT_COLUMNS."""
        self.counts = [mine + more for mine, more in zip(self.counts, counts, strict=True)]


def by_hour(rows: Iterable[KeyHour]) -> dict[tuple[int, int], list[KeyHour]]:
    """Group keys' hours into those of their organizations."""
    groups: dict[tuple[int, int], list[KeyHour]] = defaultdict(list)
    for row in rows:
        groups[row[0], row[2]].append(row)
    return groups


def by_day(rows: Iterable[KeyHour]) -> dict[tuple[int, int], list[KeyHour]]:
    """Group keys' hours into the days of their organizations."""
    groups: dict[tuple[int, int], list[KeyHour]] = defaultdict(list)
    for row in rows:
        groups[row[0], row[2] // 24].append(row)
    return groups


def total(sums: Iterable[list[int]]) -> list[int]:
    """Add up rows of counters."""
    return [sum(column) for column in zip(*sums, strict=True)]


def hour_text(hours: int) -> str:
    """Return the beginning of an hour as PostgreSQL reads it."""
    return datetime.fromtimestamp(hours * 3600, UTC).isoformat()


def day_text(days: int) -> str:
    """Return a day as PostgreSQL reads it."""
    return date.fromordinal(days + 719_163).isoformat()
