"""What threads do about keys in memory while PostgreSQL is away."""

import pytest
from django.db import OperationalError, connection

from apikeys.gateway import blocking
from tests.gate.builders import record

pytestmark = pytest.mark.django_db


def test_one_of_all_threads_asks_in_vain(monkeypatch):
    known = blocking.Records(peppers=(), brand="tg")
    known._known["secret"] = record(used_at=100.0)
    now, asked = [100.0], []
    monkeypatch.setattr(blocking, "monotonic", lambda: now[0])

    def away(_execute, sql, *_rest):
        asked.append(sql)
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        found = [known.find("secret") for _ in range(5)]
        now[0] += 0.9
        found.append(known.find("secret"))

    assert all(one is not None for one in found)
    assert len(asked) == 2
