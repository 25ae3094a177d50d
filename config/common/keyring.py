"""Lists of named keys, `id:value`, newest first: how new ones are called and when old ones may go. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from string import ascii_lowercase

# The settings that hold such lists.
SETTINGS = (
    "JWT_SIGNING_KEYS",
    "ENCRYPTION_KEYS",
    "KEY_PEPPERS",
    "GATEWAY_SIGNING_KEYS",
    "AUDIT_SIGNING_KEYS",
)


def by_id(entries: Iterable[str]) -> dict[str, str]:
    """Return the values of a list of keys by their ids, in the order of the list."""
    pairs = (entry.partition(":") for entry in entries)
    return {kid: value for kid, _, value in pairs}


def new_id(taken: list[str], *, on: date) -> str:
    """Return an id for a key made on a day: the day, with a letter behind it for a second one."""
    day = f"{on:%Y%m%d}"
    return next(
        name for name in (day, *(day + letter for letter in ascii_lowercase)) if name not in taken
    )


def made_on(key_id: str) -> date | None:
    """Return the day that is in a key's id; None for an id of another kind."""
    try:
        return date.fromisoformat(key_id[:8]) if key_id[:8].isdecimal() else None
    except ValueError:
        return None


def expired(entries: list[str], *, on: date, after: timedelta) -> list[str]:
    """Return the ids of the keys that have not signed for longer than anything they signed is good.

    A key stopped signing when the next newer one was made; where that day is not known, it is kept.
    """
    ids = ids_of(entries)
    stopped = [(old, made_on(newer)) for newer, old in pairwise(ids)]
    return [old for old, day in stopped if day is not None and day + after < on]


def ids_of(entries: list[str]) -> list[str]:
    """Return the ids of a list of keys."""
    return list(by_id(entries))


def without(entries: list[str], ids: list[str]) -> list[str]:
    """Return the list without some of its keys."""
    return [f"{kid}:{value}" for kid, value in by_id(entries).items() if kid not in ids]
