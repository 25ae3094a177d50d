"""A log from before it lay in months moves into them unchanged, and goes on."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb

from audit.chaining import COVERED, GENESIS, hash_of

pytestmark = [pytest.mark.trial, pytest.mark.django_db]
NAME = "audit_before_months"
AT = datetime(2026, 1, 31, 23, 0, tzinfo=UTC)


@pytest.fixture
def url():
    """Return the address of an empty database."""
    base, _, query = settings.DATABASE_URL.partition("?")
    server = base.rpartition("/")[0]
    suffix = f"?{query}" if query else ""
    name = f"{NAME}_{os.getpid()}"
    with psycopg.connect(f"{server}/postgres{suffix}", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}{suffix}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrate(url, target):
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "audit", target],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def old_entries(chain, count):
    previous = GENESIS
    for number in range(count):
        values = {
            **dict.fromkeys(COVERED, ""),
            "chain": chain,
            "sequence": number + 1,
            "event": "organization.updated",
            "organization_id": chain or None,
            "actor_id": 5,
            "target_id": None,
            "old_values": {"n": number, "name": "Zoë ☕"},
            "new_values": None,
            "data": {},
            "ip": "203.0.113.7",
            "occurred_at": AT + timedelta(hours=number),
        }
        digest = hash_of(values, previous)
        yield {**values, "previous_hash": previous, "hash": digest}
        previous = digest


def test_entries_keep_their_ids_their_places_and_their_hashes(url):
    migrate(url, "0004")
    with psycopg.connect(url, autocommit=True) as database:
        for chain in (0, 7):
            rows = list(old_entries(chain, 5))
            for row in rows:
                filled = {
                    name: Jsonb(value) if isinstance(value, dict) else value
                    for name, value in row.items()
                }
                database.execute(
                    f"INSERT INTO audit_auditlog ({', '.join(row)})"  # noqa: S608  our own names
                    f" VALUES ({', '.join(f'%({name})s' for name in row)})",
                    filled,
                )
            database.execute(
                "INSERT INTO audit_auditchain (chain, sequence, hash) VALUES (%s, 5, %s)",
                [chain, rows[-1]["hash"]],
            )
        before = database.execute("SELECT to_jsonb(l) FROM audit_auditlog l ORDER BY id").fetchall()

        migrate(url, "0006")

        after = database.execute("SELECT to_jsonb(l) FROM audit_auditlog l ORDER BY id").fetchall()
        months = database.execute(
            "SELECT tableoid::regclass::text, count(*) FROM audit_auditlog GROUP BY 1 ORDER BY 1"
        ).fetchall()
        next_id = database.execute("SELECT nextval('audit_auditlog_id_seq')").fetchone()
        indexes = set(indexes_of(database.execute))
    assert after == before
    assert months == [("audit_auditlog_202601", 2), ("audit_auditlog_202602", 8)]
    assert next_id == (11,)
    with connection.cursor() as cursor:
        assert indexes == set(indexes_of(lambda sql: cursor.execute(sql) or cursor))


def indexes_of(execute):
    return [
        name
        for (name,) in execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'audit_auditlog'"
        ).fetchall()
    ]
