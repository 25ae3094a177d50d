"""Fixtures for tests from outside, imported by the conftest of each folder that needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
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
def stack(house: House) -> Iterator[Stack]:
    """The programs of this module."""
    with enterable_directory() as directory, running_stack(directory) as running:
        yield running


@contextmanager
def enterable_directory() -> Iterator[Path]:
    """Make a directory that servers find though they drop root's rights; pytest's own are closed to them."""
    with TemporaryDirectory(prefix="tollgate-stack-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def _renew() -> None:
    # The suite's own way: a fresh clone of the template, whatever is connected to the old one.
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]
