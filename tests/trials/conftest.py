"""Two gate processes over one database, as they run in production. Long forms carry the marker `trial`."""

import pytest

from tests.doubles.fixtures import house, stack, usage
from tests.doubles.stack import Gate, Stack

__all__ = ["house", "stack", "usage"]


@pytest.fixture(scope="module")
def gates(stack: Stack) -> list[Gate]:
    """Two gate processes."""
    return [stack.gate(), stack.gate()]
