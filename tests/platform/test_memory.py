"""Processes that stay leave what they have loaded out of the garbage collector's rounds."""

import gc
from collections.abc import Iterator

import pytest
from celery.signals import worker_process_init


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_a_worker_process_settles_before_its_first_task() -> None:
    assert gc.get_freeze_count() == 0

    worker_process_init.send(sender=None)

    # Django and what it loads are some hundred thousand objects.
    assert gc.get_freeze_count() > 100_000
    assert len(gc.get_objects()) < 10_000
