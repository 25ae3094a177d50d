"""What was worked out once and is looked up again: tables that strangers cannot make large."""

from collections.abc import Hashable
from typing import TypeVar

KeyT = TypeVar("KeyT", bound=tuple[Hashable, ...])
ValueT = TypeVar("ValueT")
# What a client sent may be as long as a head, 32 kB: what is longer than usual is worked out each time.
_MAX_BYTES = 1_024
_MAX_ENTRIES = 8_192


class Remembered(dict[KeyT, ValueT]):
    """A table of answers that begins anew when it is full. `get` is the dictionary's own, which costs least."""

    def keep(self, question: KeyT, answer: ValueT) -> ValueT:
        """Remember an answer, unless the question is too long, and return it."""
        if sum(len(part) for part in question if isinstance(part, (bytes, str))) <= _MAX_BYTES:
            if len(self) >= _MAX_ENTRIES:
                self.clear()
            self[question] = answer
        return answer
