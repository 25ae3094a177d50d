"""A server that hangs holds up a web thread for seconds, and everybody else not for ever."""

import itertools
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection as djangos

from config.common import patient_connection
from config.common.patient_connection import NoAnswer, PatientConnection, WatchfulConnection
from tests.doubles.faults import Fault, FaultyWay, way_to_postgresql


@pytest.fixture
def way() -> Iterator[FaultyWay]:
    """A way to PostgreSQL that can be broken."""
    with way_to_postgresql() as way:
        yield way


@pytest.fixture
def connection(way: FaultyWay) -> Iterator[PatientConnection]:
    """A connection over that way."""
    with PatientConnection.connect(_address(way), autocommit=True) as connection:
        yield connection


@pytest.fixture
def watchful(way: FaultyWay) -> Iterator[WatchfulConnection]:
    """A connection of a worker over that way."""
    with WatchfulConnection.connect(_address(way), autocommit=True) as connection:
        yield connection


@pytest.fixture
def asked(monkeypatch) -> Iterator[list[bool]]:
    """What was answered beside, with a silence that is soon a long one; the fifth answer lets a lock go."""
    ask, answers = WatchfulConnection._is_answered_beside, []
    with psycopg.connect(os.environ["TEST_DATABASE_SERVER"], autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(7)")

        def noted(connection: WatchfulConnection) -> bool:
            answers.append(ask(connection))
            if len(answers) == 5:
                holder.execute("SELECT pg_advisory_unlock(7)")
            return answers[-1]

        monkeypatch.setattr(patient_connection, "QUIET_SECONDS", 0.1)
        monkeypatch.setattr(WatchfulConnection, "_is_answered_beside", noted)
        yield answers


def _address(way: FaultyWay) -> str:
    there = urlsplit(os.environ["DATABASE_URL"])
    netloc = there.netloc.replace(str(there.port), str(way.port))
    return there._replace(netloc=netloc, path="/postgres").geturl()


def test_silence_ends_the_connection(way, connection, monkeypatch):
    assert connection.cursor().execute("SELECT 7").fetchone() == (7,)
    monkeypatch.setattr(PatientConnection, "_patience", 0.3)

    way.break_by(Fault.SWALLOWED)
    with pytest.raises(NoAnswer, match=r"no answer from the server for 0\.3 s"):
        connection.cursor().execute("SELECT 7")

    assert connection.closed
    assert isinstance(NoAnswer("x"), psycopg.OperationalError)


def test_a_check_is_less_patient_than_a_question(way, connection, monkeypatch):
    connection.execute("")
    monkeypatch.setattr(patient_connection, "CHECK_SECONDS", 0.3)
    assert connection.cursor().execute("SELECT pg_sleep(0.5)").fetchone() == ("",)

    way.break_by(Fault.SWALLOWED)
    with pytest.raises(NoAnswer, match=r"no answer from the server for 0\.3 s"):
        connection.execute("")


def test_a_worker_waits_for_a_server_that_works(watchful, asked):
    assert watchful.execute("SELECT pg_advisory_lock(7), 7").fetchone() == ("", 7)

    assert asked[:5] == [True] * 5


def test_a_worker_gives_a_silent_server_up(way, watchful, asked, monkeypatch):
    monkeypatch.setattr(patient_connection, "DOUBTS", 1)
    way.break_by(Fault.SWALLOWED)

    with pytest.raises(NoAnswer, match="none on other connections"):
        watchful.execute("SELECT 7")

    assert asked == [False]
    assert watchful.closed


def test_a_worker_waits_where_one_question_beside_is_lost(watchful, monkeypatch, request):
    answers = itertools.cycle([False, False, True])
    monkeypatch.setattr(WatchfulConnection, "_is_answered_beside", lambda _: next(answers))
    asked = request.getfixturevalue("asked")

    assert watchful.execute("SELECT pg_advisory_lock(7), 7").fetchone() == ("", 7)

    assert asked[:5] == [False, False, True, False, False]


def test_a_refusal_is_an_answer(way):
    with psycopg.connect(os.environ["TEST_DATABASE_SERVER"], autocommit=True) as server:
        server.execute("DROP ROLE IF EXISTS watched")
        server.execute("CREATE ROLE watched LOGIN PASSWORD 'old'")
        try:
            url = urlsplit(_address(way))
            theirs = url._replace(netloc=f"watched:old@127.0.0.1:{way.port}").geturl()
            with WatchfulConnection.connect(theirs) as connection:
                server.execute("ALTER ROLE watched PASSWORD 'new'")
                assert connection._is_answered_beside()
        finally:
            server.execute("DROP ROLE watched")


@pytest.mark.django_db
def test_django_connects_so_where_there_is_no_pool():
    djangos.ensure_connection()

    assert isinstance(djangos.connection, WatchfulConnection)
