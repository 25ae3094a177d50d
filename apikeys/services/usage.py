"""What ingestion tells about keys: units per hour, the lasting truth behind quotas, and when a key was last used."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction


class KeyHour(NamedTuple):
    """Calls that passed, and their units, of one key in one hour; the hour is counted from 1970."""

    key_id: int
    hour: int
    calls: int
    units: int


class KeySighting(NamedTuple):
    """The span of time in which a batch saw a key, and what was seen last."""

    key_id: int
    first_ms: int
    last_ms: int
    address: str | None
    user_agent: str


# Keys that no longer exist are passed over. Locking the others keeps them from being deleted before the commit; the
# order keeps two writers from waiting for each other.
_ADD_USAGE = """
WITH used AS (
    SELECT api_key_id, hour, sum(calls)::bigint AS calls, sum(units)::bigint AS units
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS given (api_key_id, hour, calls, units)
    GROUP BY api_key_id, hour
)
INSERT INTO apikeys_keyusage AS mine (api_key_id, organization_id, hour, calls, units)
SELECT apikey.id, apikey.organization_id, to_timestamp(used.hour * 3600), used.calls, used.units
FROM used
JOIN apikeys_apikey AS apikey ON apikey.id = used.api_key_id
ORDER BY apikey.id, used.hour
FOR KEY SHARE OF apikey
ON CONFLICT (api_key_id, hour) DO UPDATE
SET calls = mine.calls + excluded.calls, units = mine.units + excluded.units
"""

_REFRESH_ACTIVITY = """
INSERT INTO apikeys_keyactivity AS mine
    (api_key_id, first_used_at, last_used_at, last_ip, last_user_agent)
SELECT apikey.id, to_timestamp(seen.first_ms / 1000.0), to_timestamp(seen.last_ms / 1000.0),
       seen.address, seen.user_agent
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::inet[], %s::text[])
    AS seen (api_key_id, first_ms, last_ms, address, user_agent)
JOIN apikeys_apikey AS apikey ON apikey.id = seen.api_key_id
ORDER BY apikey.id
FOR KEY SHARE OF apikey
ON CONFLICT (api_key_id) DO UPDATE SET
    first_used_at = least(mine.first_used_at, excluded.first_used_at),
    last_used_at = greatest(mine.last_used_at, excluded.last_used_at),
    last_ip = CASE WHEN excluded.last_used_at >= mine.last_used_at
        THEN excluded.last_ip ELSE mine.last_ip END,
    last_user_agent = CASE WHEN excluded.last_used_at >= mine.last_used_at
        THEN excluded.last_user_agent ELSE mine.last_user_agent END
"""


@transaction.atomic(savepoint=False)
def record_key_usage(*, hours: Sequence[KeyHour], sightings: Sequence[KeySighting]) -> None:
    """Add what keys used and refresh when they were seen, in the transaction of whoever counted it."""
    with connection.cursor() as cursor:
        if hours:
            cursor.execute(_ADD_USAGE, _columns(hours))
        if sightings:
            cursor.execute(_REFRESH_ACTIVITY, _columns(sightings))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
