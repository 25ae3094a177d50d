"""A server that hangs holds up a web thread for seconds, not for ever."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from config.common import patient_connection
from config.common.patient_connection import NoAnswer, PatientConnection
from tests.doubles.faults import Fault, FaultyWay, faulty_way


@pytest.fixture
def way() -> Iterator[FaultyWay]:
    """A way to PostgreSQL that can be broken."""
    port = urlsplit(os.environ["DATABASE_URL"]).port
    assert port
    with faulty_way(port) as way:
        yield way


@pytest.fixture
def connection(way: FaultyWay) -> Iterator[PatientConnection]:
    """A connection over that way."""
    there = urlsplit(os.environ["DATABASE_URL"])
    netloc = there.netloc.replace(str(there.port), str(way.port))
    url = there._replace(netloc=netloc, path="/postgres").geturl()
    with PatientConnection.connect(url, autocommit=True) as connection:
        yield connection


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
