"""A Redis that was started anew may hold counters of an old snapshot: none is believed before PostgreSQL was asked.

Every run of a server has an id of its own. The id under which the counters were last right is kept beside them, so
that a snapshot brings an older one along.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from apikeys.gateway import script
from apikeys.gateway.link import Ask, LinkDown, NotDone
from apikeys.gateway.plans import Counter
from apikeys.gateway.store import Connection, StoreDown, sums

logger = structlog.get_logger(__name__)

ASK_RUN: Final = script.encode("INFO", "server")
_AT_A_TIME: Final = 500
_PATIENCE_SECONDS: Final = 10.0
# A turn is prolonged with each batch; that of a gate that died ends by itself.
_TURN_MS: Final = 2_000
_LOOK_AGAIN_SECONDS: Final = 0.05
_RUN: Final = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
# KEYS counters, ARGV what PostgreSQL knows of each. Raises those that are there and say less; answers how many.
RAISE: Final = """
local raised = 0
for i, used in ipairs(redis.call('MGET', unpack(KEYS))) do
  if used and tonumber(used) < tonumber(ARGV[i]) then
    redis.call('SET', KEYS[i], ARGV[i], 'KEEPTTL')
    raised = raised + 1
  end
end
return raised
"""


def marker(prefix: str) -> str:
    """Return the key of the run in which the counters were last right."""
    return f"{prefix}run"


class Recovery:
    """Puts the counters of a server right before the gate counts on it."""

    def __init__(
        self, database: Mapping[str, Any], prefix: str, on_new_run: Callable[[], None]
    ) -> None:
        # One of its own: no call has to wait behind so much counting.
        self._connection = Connection(database, _PATIENCE_SECONDS)
        self._marker = marker(prefix)
        self._turn = f"{self._marker}:turn"
        self._pattern = f"{prefix}[qc]:*"
        self._counter = re.compile(rf"{re.escape(prefix)}(?:q:([ko])|c):(\d+):(\d+)")
        self._on_new_run = on_new_run

    async def prepare(self, ask: Ask) -> None:
        """Raise counters to PostgreSQL's sums unless that was done in this run. Raises LinkDown."""
        try:
            run = run_of(await ask(ASK_RUN))
            if await ask(script.encode("GET", self._marker)) != run:
                self._on_new_run()
                await self._put_right(ask, run)
        except StoreDown as error:
            raise NotDone("PostgreSQL does not say what was used") from error
        except NotDone as error:
            if not str(error).startswith("NOPERM"):
                raise
            # Better to believe it than to do without.
            logger.warning("redis_counters_not_compared", error=str(error))
        finally:
            await self._connection.close()

    async def _put_right(self, ask: Ask, run: bytes) -> None:
        """Have one gate raise the counters while all others wait: together they would only take longer."""
        while await ask(script.encode("GET", self._marker)) != run:
            if await ask(script.encode("SET", self._turn, run, "NX", "PX", _TURN_MS)) is None:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                continue
            try:
                raised = await self._raise_counters(ask)
                await ask(script.encode("SET", self._marker, run))
            finally:
                with contextlib.suppress(LinkDown):
                    await ask(script.encode("DEL", self._turn))
            if raised:
                logger.warning("redis_counters_raised", counters=raised)

    async def _raise_counters(self, ask: Ask) -> int:
        raised, cursor = 0, b"0"
        while True:
            scan = script.encode("SCAN", cursor, "MATCH", self._pattern, "COUNT", _AT_A_TIME)
            cursor, keys = await ask(scan)
            counters = tuple(filter(None, map(self._read, keys)))
            if counters:
                used = await sums(self._connection, counters)
                names = [counter.key for counter in counters]
                raised += await ask(script.encode("EVAL", RAISE, len(names), *names, *used))
            await ask(script.encode("PEXPIRE", self._turn, _TURN_MS))
            if cursor == b"0":
                return raised

    def _read(self, key: bytes) -> Counter | None:
        """Return the counter that a key stands for, as `plans` names them."""
        found = self._counter.fullmatch(key.decode("utf-8", "replace"))
        if found is None:
            return None
        kind, owner_id, starts_at = found.groups()
        return Counter(
            name="",
            key=found[0],
            limit=0,
            amount=0,
            starts_at=int(starts_at),
            ends_at=0,
            kind=kind or "k",
            owner_id=int(owner_id),
            is_credits=kind is None,
        )


def run_of(info: bytes) -> bytes:
    """Return the id of the server's run, as its `INFO` tells it."""
    found = _RUN.search(info)
    return found[1] if found else b""
