"""Races between different acts within the process: `tests.race.together` for a list of them."""

from collections.abc import Callable
from typing import Any

from tests import race


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts together and return what each gave or raised, in their order."""
    return race.together(len(acts), lambda number: acts[number]())
