"""What was worked out once and is looked up again: tables that strangers cannot make large."""

from collections.abc import Hashable
from typing import Final, TypeVar

KeyT = TypeVar("KeyT", bound=bytes | tuple[Hashable, ...])
ValueT = TypeVar("ValueT")
# What a client sent may be as long as a head, 32 kB: what is longer than usual is worked out each time.
MAX_BYTES: Final = 1_024
_MAX_ENTRIES: Final = 8_192


class Remembered(dict[KeyT, ValueT]):
    """A table of answers that begins anew when it is full. `get` is the dictionary's own, which costs least."""

    def __init__(self, most: int = _MAX_ENTRIES) -> None:
        super().__init__()
        self._most = most

    def keep(self, question: KeyT, answer: ValueT) -> ValueT:
        """Remember an answer, unless the question is too long, and return it."""
        if _length(question) <= MAX_BYTES:
            if len(self) >= self._most:
                self.clear()
            self[question] = answer
        return answer


def _length(question: bytes | tuple[Hashable, ...]) -> int:
    if isinstance(question, bytes):
        return len(question)
    return sum(len(part) for part in question if isinstance(part, (bytes, str)))
