"""What we know about a person: each app says for itself which rows are theirs. No secrets, digests or other people.

An app registers its sections from its `receivers.py`; `docs/data-map.md` lists them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from accounts.models import User

Row = dict[str, Any]
Collect = Callable[[User], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Section:
    """One file of an export: what it is called, what it holds, and who knows its rows."""

    name: str
    description: str
    collect: Collect


_sections: dict[str, Section] = {}


def contribute(name: str, description: str, collect: Collect) -> None:
    """Add a section to every export from now on; a name is given once."""
    known = _sections.get(name)
    if known is not None and known.collect is not collect:
        raise ValueError(f"{name} is a section of exports already.")
    _sections[name] = Section(name, description, collect)


def sections() -> list[Section]:
    """Return every section, by name."""
    return [_sections[name] for name in sorted(_sections)]
