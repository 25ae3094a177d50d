"""What happens now: ticks for those who watch, and the tickets with which a browser opens the WebSocket.

Nothing here is a truth: a lost tick is a gap in a moving picture, a lost ticket is asked for again.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import orjson
import redis.exceptions
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from analytics.metering.events import ALLOWED, Call
from config.common import crypto
from config.common import redis as store
from config.common.errors import ServiceUnavailable

logger = structlog.get_logger(__name__)

TICKET_SECONDS = 30
# Who watches says so again every few seconds; who has not for this long is gone.
_WATCH_SECONDS = 10
_AWAY = (redis.exceptions.RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may open one WebSocket, for which organization, and from where they asked. It ends with their session."""

    user_id: int
    session_id: int
    session_version: int
    organization_id: int
    ip: str | None = None


@dataclass(slots=True)
class Tick:
    """What was counted since the tick before."""

    calls: int = 0
    refused: int = 0
    units: int = 0

    def add(self, *, calls: int, refused: int, units: int) -> None:
        """Count more into this tick."""
        self.calls += calls
        self.refused += refused
        self.units += units


def group(organization_id: int) -> str:
    """Return the name of the channel group of an organization's watchers."""
    return f"live.{organization_id}"


def issue_ticket(ticket: Ticket) -> str:
    """Return a secret that opens one WebSocket within the next 30 seconds. Raises ServiceUnavailable."""
    token = crypto.new_token()
    try:
        store.client().set(_ticket_key(token), orjson.dumps(asdict(ticket)), ex=TICKET_SECONDS)
    except _AWAY as error:
        raise ServiceUnavailable("Live figures are not available at the moment.") from error
    return token


def redeem_ticket(token: str) -> Ticket | None:
    """Return the ticket and forget it: a second use finds nothing. Raises ServiceUnavailable."""
    try:
        found = store.client().getdel(_ticket_key(token))
    except _AWAY as away:
        raise ServiceUnavailable from away
    return Ticket(**orjson.loads(found)) if found else None


def watch(organization_id: int) -> None:
    """Say that somebody watches an organization, for the next few seconds."""
    try:
        store.client().zadd(_watched_key(), {str(organization_id): time.time() + _WATCH_SECONDS})
    except _AWAY as error:
        logger.warning("watcher_not_noted", error=type(error).__name__)


def tick(calls: Sequence[Call]) -> None:
    """Send what was counted to those who watch. Redis away is no reason to fail: nothing was lost."""
    try:
        watched = _watched() if calls else set()
        ticks = _ticks(call for call in calls if call.organization_id in watched)
        if ticks:
            async_to_sync(_send)(ticks)
    except _AWAY as error:
        logger.warning("live_ticks_not_sent", error=type(error).__name__)


async def _send(ticks: dict[int, Tick]) -> None:
    layer = get_channel_layer()  # type: ignore[no-untyped-call]
    for organization_id, counted in ticks.items():
        await layer.group_send(group(organization_id), {"type": "usage.tick", **asdict(counted)})


def _ticks(calls: Iterable[Call]) -> dict[int, Tick]:
    ticks: dict[int, Tick] = defaultdict(Tick)
    for call in calls:
        passed = call.outcome == ALLOWED
        ticks[call.organization_id].add(
            calls=1, refused=not passed, units=call.units if passed else 0
        )
    return ticks


def _watched() -> set[int]:
    client = store.client()
    client.zremrangebyscore(_watched_key(), 0, time.time())
    members = cast("list[bytes]", client.zrange(_watched_key(), 0, -1))
    return {int(member) for member in members}


def _watched_key() -> str:
    return store.key("live", "watched")


def _ticket_key(token: str) -> str:
    return store.key("live", "ticket", crypto.digest(token).hex())
