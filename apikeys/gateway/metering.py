"""Usage events: their one form, and the buffer for those that the script does not write itself."""

from collections.abc import Callable, Iterable
from time import time
from typing import Final

import orjson

from apikeys.gateway import script
from apikeys.gateway.memory import Remembered

_MAX_BUFFERED: Final = 100_000
# One script runs alone: so many events keep Redis from others for about a millisecond.
_BATCH: Final = 500
_MAX_PATH: Final = 512
_MAX_AGENT: Final = 200

# The members of an event, see `event`.
EVENT: Final = b'["%b",%b,%b,"%b",%d,%b,%b,%d]'

_texts: Remembered[tuple[bytes, int], bytes] = Remembered()


def json_text(raw: bytes, limit: int = _MAX_AGENT) -> bytes:
    """Return text from a request as a JSON string of at most so many characters; bytes that are not UTF-8 are replaced."""
    known = _texts.get((raw, limit))
    if known is not None:
        return known
    text = raw.decode("utf-8", "replace").replace("\x00", "\ufffd")[:limit]
    return _texts.keep((raw, limit), orjson.dumps(text))


def json_path(raw: bytes) -> bytes:
    """Return a path for an event."""
    return json_text(raw, _MAX_PATH)


def json_tags(tags: Iterable[str] | None) -> bytes:
    """Return an event's tags."""
    return orjson.dumps(list(tags)) if tags else b"null"


def event(  # noqa: PLR0917  the members of an event, given on the hot path
    request_id: bytes,
    ids: bytes,
    place: bytes,
    outcome: bytes,
    units: int,
    caller: bytes,
    tail: bytes,
    at_ms: int = 0,
) -> bytes:
    """Return the event of one call; `at_ms` 0 means the moment the stream gives it.

    `ids` are organization, key, API and rule, `place` method and path, `caller` address and user agent, `tail` tags
    and environment: all JSON already, because they repeat from call to call.
    """
    return EVENT % (request_id, ids, place, outcome, units, caller, tail, at_ms)


def now_ms() -> int:
    """Return the present time as events carry it."""
    return int(time() * 1000)


class Buffer:
    """Events that wait to be written together. What is not confirmed is written again: an id counts once."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._events: list[bytes] = []
        self._in_flight: list[bytes] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._events) + len(self._in_flight)

    def add(self, payload: bytes) -> None:
        """Keep one event until the next flush; beyond 100,000 the newest are dropped and counted."""
        if len(self._events) < _MAX_BUFFERED:
            self._events.append(payload)
        else:
            self.dropped += 1

    def flush(self, send_all: Callable[[list[bytes], Callable[[bool], None]], None]) -> None:
        """Write what is there, unless the last batch is still on its way."""
        if not self._events or self._in_flight:
            return
        self._in_flight, self._events = self._events, []
        batches = range(0, len(self._in_flight), _BATCH)
        send_all([self._command(start) for start in batches], self._on_written)

    def _command(self, start: int) -> bytes:
        batch = self._in_flight[start : start + _BATCH]
        head = script.call([self._stream], [script.EVENTS], further=len(batch))
        return head + b"".join([b"$%d\r\n%b\r\n" % (len(event), event) for event in batch])

    def _on_written(self, is_well: bool) -> None:  # noqa: FBT001  a callback with one answer
        if not is_well:
            self._events = self._in_flight + self._events
        self._in_flight = []
