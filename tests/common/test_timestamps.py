"""Times are read from the database as Django reads them, only faster; what it refuses is refused."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.postgres import types
from psycopg.pq import Format

from config.common.timestamps import UtcLoader, read_fast

pytestmark = pytest.mark.django_db
_OID = types["timestamptz"].oid


class Djangos(BaseTzLoader):  # type: ignore[misc]
    timezone = UTC


def read(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, %s::timestamptz::text", [text, text])
        return cursor.fetchone()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 09:00:00+00",
        "2026-03-02 09:00:00.5+00",
        "2026-03-02 09:00:00.123456+02",
        "2026-03-02 23:59:59.999999-11:30",
        "2024-02-29 00:00:00.000001+00",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
    ],
)
def test_a_time_is_what_django_reads(text):
    value, written = read(text)

    assert value == Djangos(_OID, connection.connection).load(written.encode())
    assert value.tzinfo is UTC
    assert type(value) is datetime


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC"])
def test_what_no_datetime_holds_is_refused(text):
    with pytest.raises(DataError):
        read(text)


def test_no_time_is_none():
    assert read(None) == (None, None)


def test_every_connection_reads_so_and_is_told_once():
    connection.ensure_connection()
    adapters = connection.connection.adapters
    assert adapters.get_loader(_OID, Format.TEXT) is UtcLoader

    read_fast(connection)

    assert adapters.get_loader(_OID, Format.TEXT) is UtcLoader


def test_a_connection_in_another_zone_is_left_alone():
    elsewhere = connection.copy()
    elsewhere.settings_dict = {**connection.settings_dict, "TIME_ZONE": "Asia/Tokyo"}
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT '2026-03-02 09:00:00+00'::timestamptz")
            (value,) = cursor.fetchone()
    finally:
        elsewhere.close()

    assert value == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert str(value.tzinfo) == "Asia/Tokyo"
