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
    with running_stack(enterable(tmp_path_factory.mktemp("stack"))) as running:
        yield running


def enterable(directory: Path) -> Path:
    """Let servers that drop root's rights find what lies in a directory of the test session."""
    for folder in (directory, *directory.parents[:2]):
        folder.chmod(0o755)
    return directory


def _renew() -> None:
    # The suite's own way: a fresh clone of the template, whatever is connected to the old one.
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]
