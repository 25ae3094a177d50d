"""What `manage.py` says when the database does not serve."""

import pytest
from django.core import management
from django.db import DataError, InterfaceError, OperationalError

import manage


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_one_line(monkeypatch, kind):
    def fail(_argv):
        raise kind("connection failed: Connection refused\n\tIs the server running?")

    monkeypatch.setattr(management, "execute_from_command_line", fail)

    with pytest.raises(SystemExit) as ended:
        manage.main()

    assert ended.value.code == (
        "tollgate: the database does not serve: connection failed: Connection refused"
    )


def test_a_defect_keeps_its_traceback(monkeypatch):
    def fail(_argv):
        raise DataError("out of range")

    monkeypatch.setattr(management, "execute_from_command_line", fail)

    with pytest.raises(DataError):
        manage.main()
