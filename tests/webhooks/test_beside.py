"""Work beside the caller's: another thread, another connection, and nothing lost of what it came to."""

import threading
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, transaction

from tests.patience import until
from webhooks.services.beside import Beside

_SETTING = "SHOW synchronous_commit"


def _where() -> tuple[str, int, str]:
    with connection.cursor() as cursor:
        cursor.execute(_SETTING)
        (setting,) = cursor.fetchone()
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    return threading.current_thread().name, backend, setting


def _is_connected(backend: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [backend])
        return cursor.fetchone() == (1,)


def _helper(news: threading.Event | None = None) -> Beside[Any]:
    return Beside("helper", news=news or threading.Event())


def _fail() -> int:
    raise ValueError("no")


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_has_a_thread_and_a_connection_of_its_own():
    news = threading.Event()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    with _helper(news) as work:
        work.begin(_where)
        was_busy = work.is_busy
        assert news.wait(60)
        found: Any = work.result()
        name, backend, setting = found
        assert (name, setting) == ("helper_0", "off")
        assert (was_busy, work.is_busy) == (True, False)

        news.clear()
        work.begin(_where)
        assert news.wait(60)
    assert work.result()[1] == backend
    assert _where()[1:] != (backend, "off")
    until(lambda: not _is_connected(backend), "its connection stayed")


@pytest.mark.django_db
def test_inside_a_transaction_it_is_done_at_once_by_who_begins_it():
    news = threading.Event()
    with _helper(news) as work:
        work.begin(_where)
        assert news.is_set()
        assert work.result()[:2] == _where()[:2]


@pytest.mark.django_db(transaction=True)
def test_what_is_small_is_done_at_once():
    with _helper() as work:
        work.begin(_where, is_small=True)

        assert work.result()[:2] == _where()[:2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("around", [nullcontext, transaction.atomic])
def test_what_it_raises_is_raised_to_who_takes_the_result(around):
    news = threading.Event()
    with around(), _helper(news) as work:
        work.begin(_fail)
        assert news.wait(60)
        with pytest.raises(ValueError, match="no"):
            work.result()
        assert not work.is_busy
        assert work.result() is None
