"""What the proxy reports about calls: filled in once per call, and added to the roll-ups in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from analytics.metering import stream
from analytics.metering.events import ALLOWED
from analytics.metering.tallies import CallTallies, KeyHour, Report, ReportSums, RouteDay
from analytics.services import calls, ingest, rollups
from apikeys import selectors
from apikeys.services import returns

_MAX_RETRIED = 5_000
# Clocks of proxy and Redis may differ by this much.
_SKEW = timedelta(minutes=10)
# Once ingestion is this far past a call, its event will not come any more.
_GRACE = timedelta(minutes=2)
_LONGEST_WAIT = timedelta(days=1)
_COLUMNS = "request_id, at, status, latency_ms, bytes_in, bytes_out"

_FILL = """
UPDATE analytics_apiusagelog AS log
SET status = given.status, latency_ms = given.latency_ms, bytes_in = given.bytes_in, bytes_out = given.bytes_out
FROM unnest(%s::text[], %s::smallint[], %s::integer[], %s::bigint[], %s::bigint[])
    AS given (request_id, status, latency_ms, bytes_in, bytes_out)
WHERE log.request_id = given.request_id AND log.at BETWEEN %s AND %s AND log.status IS NULL
RETURNING log.request_id, log.organization_id, log.api_key_id, log.api_id, log.rule_id, log.route, log.outcome,
    log.units, (extract(epoch FROM log.at) * 1000)::bigint
"""
_FREE = (
    "UPDATE analytics_apiusagelog SET units = 0 WHERE request_id = ANY(%s) AND at BETWEEN %s AND %s"
)
_WAIT = f"""
INSERT INTO analytics_waitingreport AS mine ({_COLUMNS}, attempts, retry_at)
SELECT request_id, to_timestamp(at_ms / 1000.0), status, latency_ms, bytes_in, bytes_out, 0, now() + interval '1 second'
FROM unnest(%s::text[], %s::bigint[], %s::smallint[], %s::integer[], %s::bigint[], %s::bigint[])
    AS given (request_id, at_ms, status, latency_ms, bytes_in, bytes_out)
ON CONFLICT (request_id) DO UPDATE
SET attempts = mine.attempts + 1, retry_at = now() + least(60, 2 ^ (mine.attempts + 1)) * interval '1 second'
"""  # noqa: S608  columns of our own


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch of reports came to."""

    filled: int = 0
    given_up: int = 0


class _Call(NamedTuple):
    """A call whose outcome has just become known."""

    request_id: str
    organization_id: int
    key_id: int
    api_id: int
    rule_id: int
    route: str
    outcome: str
    units: int
    at_ms: int

    @property
    def rule(self) -> tuple[int, int]:
        """The rule that described it, as `apikeys.selectors` names rules."""
        return self.api_id, self.rule_id

    @property
    def key_hour(self) -> KeyHour:
        """The row of the hourly roll-ups to which it belongs."""
        return self.organization_id, self.key_id, self.at_ms // 3_600_000

    @property
    def route_day(self) -> RouteDay:
        """The row of the roll-up of routes to which it belongs."""
        return self.organization_id, self.api_id, self.route, self.at_ms // 86_400_000


def apply_reports(reports: Iterable[Report]) -> Applied:
    """Fill in what is known of calls, now or of those that waited; the caller holds the checkpoint and a transaction.

    A call that has its outcome already keeps it; one whose outcome its rule does not count costs nothing from now on. A
    report whose call is not in the log yet waits until ingestion has come past its time.
    """
    batch = {report.request_id: report for report in _due()}
    for report in reports:
        batch.setdefault(report.request_id, report)
    if not batch:
        return Applied()
    filled = _fill(list(batch.values()))
    _add_to_rollups(filled, batch)
    _free_of_charge(_uncounted(filled, batch))
    settled = {call.request_id for call in filled}
    settled |= _known([request_id for request_id in batch if request_id not in settled], batch)
    missing = [report for report in batch.values() if report.request_id not in settled]
    hopeless = _hopeless(missing)
    _stop_waiting([*settled, *(report.request_id for report in hopeless)])
    given_up = {report.request_id for report in hopeless}
    _wait([report for report in missing if report.request_id not in given_up])
    return Applied(len(filled), len(hopeless))


def count_waiting() -> int:
    """Return how many reports wait for their call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_waitingreport")
        return int(cursor.fetchone()[0])


def _due() -> list[Report]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT request_id, (extract(epoch FROM at) * 1000)::bigint, status, latency_ms, bytes_in, bytes_out"
            " FROM analytics_waitingreport WHERE retry_at <= now() ORDER BY retry_at LIMIT %s",
            [_MAX_RETRIED],
        )
        return [Report(*row) for row in cursor.fetchall()]


def _fill(reports: Sequence[Report]) -> list[_Call]:
    with connection.cursor() as cursor:
        columns = _columns(reports)
        cursor.execute(_FILL, [columns[0], *columns[2:], *_span(reports)])
        return [_Call(*row) for row in cursor.fetchall()]


def _add_to_rollups(filled: Sequence[_Call], reports: Mapping[str, Report]) -> None:
    by_key_hour: dict[KeyHour, ReportSums] = defaultdict(ReportSums)
    by_route_day: dict[RouteDay, ReportSums] = defaultdict(ReportSums)
    for call in filled:
        report, was_allowed = reports[call.request_id], call.outcome == ALLOWED
        by_key_hour[call.key_hour].add(report, was_allowed=was_allowed)
        by_route_day[call.route_day].add(report, was_allowed=was_allowed)
    rollups.add_reports(by_key_hour=by_key_hour, by_route_day=by_route_day)


def _uncounted(filled: Sequence[_Call], reports: Mapping[str, Report]) -> list[_Call]:
    """Return the calls that passed with an outcome that their rule does not count."""
    counted = selectors.counted_statuses({call.rule for call in filled})
    return [
        call
        for call in filled
        if call.rule in counted
        and call.outcome == ALLOWED
        and call.units
        and not _is_among(reports[call.request_id].status, counted[call.rule])
    ]


def _is_among(status: int, counted: Sequence[str]) -> bool:
    return str(status) in counted or f"{status // 100}xx" in counted


def _free_of_charge(uncounted: Sequence[_Call]) -> None:
    if not uncounted:
        return
    # By the calls' own times: a report was found beside others, however wrong its clock is.
    times = [call.at_ms for call in uncounted]
    with connection.cursor() as cursor:
        cursor.execute(
            _FREE,
            [[call.request_id for call in uncounted], *_around(min(times), max(times))],
        )
    sums = CallTallies()
    for call in uncounted:
        sums.take_back(call.key_hour, call.route_day, call.units)
    rollups.add_calls(sums)
    returns.take_back(
        [returns.Uncounted(call.key_id, call.at_ms, call.units) for call in uncounted]
    )


def _known(request_ids: list[str], reports: dict[str, Report]) -> set[str]:
    """Return which of the calls are in the log; they have their outcome already."""
    if not request_ids:
        return set()
    return calls.known(request_ids, *_span([reports[request_id] for request_id in request_ids]))


def _hopeless(missing: Sequence[Report]) -> list[Report]:
    if not missing:
        return []
    now = datetime.now(UTC)
    oldest_ms, newest_ms = (
        at.timestamp() * 1000 for at in (now - _LONGEST_WAIT, now + _LONGEST_WAIT)
    )
    ingested_ms, _ = stream.position(ingest.reached())
    limit = max(oldest_ms, ingested_ms - _GRACE.total_seconds() * 1000)
    return [report for report in missing if not limit <= report.at_ms <= newest_ms]


def _stop_waiting(request_ids: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analytics_waitingreport WHERE request_id = ANY(%s)", [request_ids]
        )


def _wait(reports: Sequence[Report]) -> None:
    if reports:
        with connection.cursor() as cursor:
            cursor.execute(_WAIT, _columns(reports))


def _columns(reports: Sequence[Report]) -> list[Any]:
    rows = [
        (each.request_id, each.at_ms, each.status, each.latency_ms, each.bytes_in, each.bytes_out)
        for each in reports
    ]
    request_ids, *numbers = zip(*rows, strict=True)
    arrays: list[Any] = [rollups.number_array(column) for column in numbers]
    return [list(request_ids), *arrays]


def _span(reports: Sequence[Report]) -> tuple[datetime, datetime]:
    """Return the time in which the events of these calls must lie: from before the first to after the last ended."""
    first = min(report.at_ms for report in reports)
    last = max(report.at_ms + report.latency_ms for report in reports)
    return _around(first, last)


def _around(first_ms: int, last_ms: int) -> tuple[datetime, datetime]:
    first, last = (datetime.fromtimestamp(at_ms / 1000, UTC) for at_ms in (first_ms, last_ms))
    return first - _SKEW, last + _SKEW
