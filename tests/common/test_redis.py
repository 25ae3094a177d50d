"""A Redis that is away costs one caller a second, and nobody else anything."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis
from celery import current_app
from django.core.cache import caches
from redis.connection import Connection

from config.common import jobs
from config.common import redis as connections

AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the seconds that have passed for the pools."""
    passed = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: passed.seconds))
    return passed


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[list[str]]:
    """Let Redis be away and return who went to look."""
    looks: list[str] = []
    real = Connection.connect

    def connect(self: Connection) -> None:
        looks.append(f"{self.host}:{self.port}")
        real(self)

    monkeypatch.setattr(Connection, "connect", connect)
    settings.REDIS_URL = AWAY
    connections._client.cache_clear()
    yield looks
    connections._client.cache_clear()


def ask() -> None:
    with pytest.raises(redis.ConnectionError):
        connections.client().ping()


def test_who_comes_a_moment_later_does_not_look_again(looks, passed):
    for _ in range(5):
        ask()

    assert len(looks) == 1


def test_after_a_second_one_looks_again(looks, passed):
    ask()
    passed.seconds += 1

    ask()
    ask()

    assert len(looks) == 2


def test_while_one_looks_others_do_not_wait(looks, passed, monkeypatch):
    ask()
    passed.seconds += 1
    behind = []

    def hang(self: Connection) -> None:
        looks.append("hanging")
        ask()
        behind.append(len(looks))
        raise redis.TimeoutError

    monkeypatch.setattr(Connection, "connect", hang)
    with pytest.raises(redis.TimeoutError):
        connections.client().ping()

    assert (looks[1:], behind) == (["hanging"], [2])


def test_once_it_is_back_it_serves_everybody(looks, passed, monkeypatch, redis_client):
    ask()
    pool = connections.client().connection_pool
    options = redis_client.connection_pool.connection_kwargs
    monkeypatch.setattr(pool, "connection_kwargs", options)
    monkeypatch.setattr(pool, "connection_class", redis_client.connection_pool.connection_class)
    monkeypatch.setattr(pool, "_available_connections", [])
    passed.seconds += 1

    assert [connections.client().ping() for _ in range(3)] == [True] * 3


def test_pipelines_rest_too(looks, passed):
    ask()

    with pytest.raises(redis.ConnectionError, match="a moment ago"):
        connections.client().pipeline().get("x").execute()

    assert len(looks) == 1


def test_the_cache_rests_as_well(looks, passed, settings):
    # A pool of this test's own: the library keeps one for each address.
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": f"{AWAY}?client_name=x"}
    }
    for _ in range(3):
        with pytest.raises(redis.ConnectionError):
            caches["default"].get("x")

    assert len(looks) == 1


def test_no_bell_is_rung_at_a_broker_that_is_away(looks, passed, monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda job, **_: rung.append(job))

    for _ in range(3):
        jobs.enqueue_now("mail.sweep")

    assert (rung, len(looks)) == ([], 1)


def test_a_bell_is_rung_at_one_that_is_there(monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda job, **_: rung.append(job))

    jobs.enqueue_now("mail.sweep")

    assert rung == ["mail.sweep"]


@pytest.mark.parametrize("error", [redis.TimeoutError, redis.ConnectionError, OSError])
def test_a_broker_that_goes_between_the_two_harms_nobody(monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", fail)

    jobs.enqueue_now("mail.sweep")
