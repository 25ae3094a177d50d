"""Fixtures for tests from outside, imported by the conftest of each folder that needs them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import TransactionTestCase

from tests.doubles.house import House, open_house
from tests.doubles.stack import Stack, running_stack


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    """A customer with keys, and an API with a rule of every kind, committed for this module."""
    with django_db_blocker.unblock(), open_house(_renew) as furnished:
        furnished.rule("/orders/*", required_scope="orders:read")
        furnished.rule("/admin/*", required_scope="admin:all")
        furnished.rule("/leased/*", mode="leased")
        yield furnished


@pytest.fixture(scope="module")
def stack(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The programs of this module."""
    directory: Path = tmp_path_factory.mktemp("stack")
    # nginx drops root's rights for its workers, who must still find their files.
    for folder in (directory, *directory.parents[:2]):
        folder.chmod(0o755)
    with running_stack(directory) as running:
        yield running


def _renew() -> None:
    # The suite's own way: a fresh clone of the template, whatever is connected to the old one.
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]
