"""Usage events: their one form, and the buffer for those that the script does not write itself."""

from collections.abc import Callable, Iterable
from time import time
from typing import Final

import orjson

from apikeys.gateway import script

_MAX_BUFFERED: Final = 100_000
_MAX_PATH: Final = 512
_MAX_AGENT: Final = 200
_MAX_REMEMBERED: Final = 2048

_texts: dict[tuple[bytes, int], bytes] = {}


def json_text(raw: bytes, limit: int = _MAX_AGENT) -> bytes:
    """Return text from a request as a JSON string of at most so many characters; bytes that are not UTF-8 are replaced."""
    known = _texts.get((raw, limit))
    if known is not None:
        return known
    if len(_texts) >= _MAX_REMEMBERED:
        _texts.clear()
    text = raw.decode("utf-8", "replace").replace("\x00", "\ufffd")[:limit]
    encoded = _texts[raw, limit] = orjson.dumps(text)
    return encoded


def json_path(raw: bytes) -> bytes:
    """Return a path for an event."""
    return json_text(raw, _MAX_PATH)


def json_tags(tags: Iterable[str] | None) -> bytes:
    """Return an event's tags."""
    return orjson.dumps(list(tags)) if tags else b"null"


def event(  # noqa: PLR0913, PLR0917  one parameter per member of the event, all of them bytes of JSON
    request_id: bytes,
    ids: bytes,
    method: bytes,
    path: bytes,
    outcome: bytes,
    units: int,
    address: bytes,
    agent: bytes,
    tags: bytes,
    environment: bytes,
    at_ms: int = 0,
) -> bytes:
    """Return the event of one call; `at_ms` 0 means the moment the stream gives it."""
    return b'["%b",%b,%b,%b,"%b",%d,%b,%b,%b,"%b",%d]' % (
        request_id, ids, method, path, outcome, units, address, agent, tags, environment, at_ms,
    )  # fmt: skip


def now_ms() -> int:
    """Return the present time as events carry it."""
    return int(time() * 1000)


class Buffer:
    """Events that wait to be written together. What is not confirmed is written again: an id counts once."""

    def __init__(self, stream: str) -> None:
        self._stream = script.bulk(stream)
        self._commands: list[bytes] = []
        self._in_flight: list[bytes] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._commands) + len(self._in_flight)

    def add(self, payload: bytes) -> None:
        """Keep one event until the next flush; beyond 100,000 the newest are dropped and counted."""
        if len(self._commands) >= _MAX_BUFFERED:
            self.dropped += 1
            return
        self._commands.append(
            b"*5\r\n$4\r\nXADD\r\n%b$1\r\n*\r\n$1\r\ne\r\n$%d\r\n%b\r\n"
            % (self._stream, len(payload), payload)
        )

    def flush(self, send_all: Callable[[list[bytes], Callable[[bool], None]], None]) -> None:
        """Write what is there, unless the last batch is still on its way."""
        if not self._commands or self._in_flight:
            return
        self._in_flight, self._commands = self._commands, []
        send_all(self._in_flight, self._on_written)

    def _on_written(self, is_well: bool) -> None:  # noqa: FBT001  a callback with one answer
        if not is_well:
            self._commands = self._in_flight + self._commands
        self._in_flight = []
