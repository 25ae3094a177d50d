"""Calls on their way into the log: which are known already, what their routes are, copying them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from django.db import connection

from analytics.metering import routes
from analytics.metering.events import Call
from apikeys.services.usage import KeySighting

# More routes than this in one day of one organization are counted together: paths are the clients' to choose.
MAX_ROUTES = 500

_COPY = (
    "COPY analytics_apiusagelog (at, organization_id, api_key_id, api_id, rule_id, units, request_id,"
    " environment, method, path, route, outcome, address, user_agent, tags) FROM STDIN"
)
_NULL = "\\N"
# The times that two clocks give a call which is written twice, since nobody knew what had become of it, are no further
# apart.
_APART_MS = 60_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_RouteOfDay = tuple[int, int, str, date]
# Routes that a committed roll-up is known to hold: nearly every call's, so that few batches ask.
_seen: set[_RouteOfDay] = set()
_MAX_SEEN = 200_000


def rows_of(batch: Sequence[Call], routes_of_calls: Sequence[str]) -> bytes:
    """Return calls as COPY reads them."""
    return "".join(map(_row, batch, routes_of_calls)).encode()


def append(rows: bytes) -> None:
    """Append rows to the log. Raises UniqueViolation if one of the calls is there already."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copying:
        copying.write(rows)


def without_repetitions(batch: Sequence[Call]) -> list[Call]:
    """Return the calls with the first of each request id only."""
    unique: dict[str, Call] = {}
    for call in batch:
        unique.setdefault(call.request_id, call)
    return list(unique.values())


def may_be_on_another_day(batch: Sequence[Call]) -> bool:
    """Whether one of the calls may be in the log on another day, where no index knows its id."""
    times = [call.at_ms for call in batch]
    return bool(times) and _day(min(times) - _APART_MS) != _day(max(times) + _APART_MS)


def without_known(batch: Sequence[Call]) -> list[Call]:
    """Return the calls that the log does not hold yet."""
    if not batch:
        return []
    times = [call.at_ms for call in batch]
    since, until = _day(min(times) - _APART_MS), _day(max(times) + _APART_MS) + timedelta(1)
    found = known([call.request_id for call in batch], since, until)
    return [call for call in batch if call.request_id not in found]


def known(request_ids: Sequence[str], since: date, until: date) -> set[str]:
    """Return which of the calls the log holds; they came between the two times, in whose partitions it is looked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT request_id FROM analytics_apiusagelog"
            " WHERE request_id = ANY(%s) AND at BETWEEN %s AND %s",
            [list(request_ids), since, until],
        )
        return {request_id for (request_id,) in cursor.fetchall()}


def routes_of(batch: Sequence[Call]) -> list[str]:
    """Return each call's route, and `(other)` where its organization has had too many on that day."""
    patterns = _patterns({call.rule_id for call in batch} - {0})
    found = [routes.route(call.method, call.path, patterns.get(call.rule_id)) for call in batch]
    places = [
        (call.organization_id, call.api_id, route, _day(call.at_ms))
        for call, route in zip(batch, found, strict=True)
    ]
    excess = _excess(set(places))
    if not excess:
        return found
    return [
        routes.OTHER if place in excess else route
        for place, route in zip(places, found, strict=True)
    ]


def sightings(batch: Sequence[Call]) -> list[KeySighting]:
    """Return when the batch saw each key, by key."""
    first: dict[int, int] = {}
    last: dict[int, Call] = {}
    for call in batch:
        key_id, at_ms = call.key_id, call.at_ms
        if key_id not in last:
            first[key_id], last[key_id] = at_ms, call
            continue
        if at_ms >= last[key_id].at_ms:
            last[key_id] = call
        first[key_id] = min(first[key_id], at_ms)
    return [
        KeySighting(key_id, first[key_id], call.at_ms, call.address, call.user_agent)
        for key_id, call in sorted(last.items())
    ]


def _row(call: Call, route: str) -> str:
    return (
        f"{_instant(call.at_ms)}\t{call.organization_id}\t{call.key_id}\t{call.api_id}\t{call.rule_id}\t"
        f"{call.units}\t{call.request_id}\t{call.environment}\t{call.method}\t{_escaped(call.path)}\t"
        f"{_escaped(route)}\t{call.outcome}\t{call.address or _NULL}\t{_escaped(call.user_agent)}\t"
        f"{_NULL if call.tags is None else _escaped(call.tags)}\n"
    )


def _escaped(text: str) -> str:
    """Escape text for COPY; nearly all of it needs nothing."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _instant(at_ms: int) -> str:
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}+00"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _day(at_ms: int) -> date:
    return _day_of_hour(at_ms // 3_600_000)


@lru_cache(maxsize=4096)
def _day_of_hour(hours: int) -> date:
    return datetime.fromtimestamp(hours * 3600, UTC).date()


def _patterns(rule_ids: set[int]) -> dict[int, str]:
    if not rule_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, path_pattern FROM apikeys_routerule WHERE id = ANY(%s)", [list(rule_ids)]
        )
        return dict(cursor.fetchall())


def _excess(places: set[_RouteOfDay]) -> set[_RouteOfDay]:
    """Return those of the routes that are new on their day and one too many for it."""
    new = places - _known_routes(places)
    if not new:
        return set()
    counts = _route_counts({(place[0], place[3]) for place in new})
    excess: set[_RouteOfDay] = set()
    for place in sorted(new):
        counts[place[0], place[3]] += 1
        if counts[place[0], place[3]] > MAX_ROUTES:
            excess.add(place)
    return excess


def _known_routes(places: set[_RouteOfDay]) -> set[_RouteOfDay]:
    unseen = places - _seen
    if unseen:
        if len(_seen) > _MAX_SEEN:
            _seen.clear()
        columns = [list(column) for column in zip(*unseen, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT organization_id, api_id, route, day FROM analytics_dailyrouteusage"
                " JOIN unnest(%s::bigint[], %s::bigint[], %s::text[], %s::date[])"
                " AS given (organization_id, api_id, route, day)"
                " USING (organization_id, api_id, route, day)",
                columns,
            )
            _seen.update(cursor.fetchall())
    return places & _seen


def _route_counts(days: set[tuple[int, date]]) -> dict[tuple[int, date], int]:
    organizations, dates = zip(*days, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, day, count(*) FROM analytics_dailyrouteusage"
            " JOIN unnest(%s::bigint[], %s::date[]) AS given (organization_id, day)"
            " USING (organization_id, day) GROUP BY 1, 2",
            [list(organizations), list(dates)],
        )
        return defaultdict(int, {(key, day): count for key, day, count in cursor.fetchall()})
