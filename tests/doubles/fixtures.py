"""Fixtures for tests from outside, imported by the conftest of each folder that needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import redis
from django.conf import settings
from django.test import TransactionTestCase

from tests.doubles.bucket import Usage
from tests.doubles.house import House, Issued, open_house
from tests.doubles.stack import Stack, running_stack


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    """A customer with keys, and an API with a rule of every kind, committed for this module."""
    with django_db_blocker.unblock(), open_house(renew) as furnished:
        furnished.rule("/orders/*", required_scope="orders:read")
        furnished.rule("/admin/*", required_scope="admin:all")
        furnished.rule("/leased/*", mode="leased")
        yield furnished


@pytest.fixture(scope="module")
def stack(house: House) -> Iterator[Stack]:
    """The programs of this module."""
    with enterable_directory() as directory, running_stack(directory) as running:
        yield running


@pytest.fixture
def usage(redis_client: redis.Redis) -> Usage:
    """Read what the gate wrote of a key's calls: those that passed are dated by Valkey, refusals by the gate."""

    def read(key: Issued, outcome: str) -> dict[str, float]:
        stream: Any = redis_client.xrange(f"{settings.REDIS_PREFIX}usage")
        events = [(name, orjson.loads(fields[b"e"])) for name, fields in stream]
        return {
            event[0]: (event[-1] or int(name.partition(b"-")[0])) / 1000
            for name, event in events
            if (event[2], event[7]) == (key.row.pk, outcome)
        }

    return read


@contextmanager
def enterable_directory() -> Iterator[Path]:
    """Make a directory that servers find though they drop root's rights; pytest's own are closed to them."""
    with TemporaryDirectory(prefix="tollgate-stack-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def renew() -> None:
    """Make this worker's database as it was: a fresh clone of the template, whatever is connected to the old one."""
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]
