"""What operators mistype is told in a line, whatever it is: no command of ours ends in a traceback."""

import getpass

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from analytics.services import partitions
from apikeys.models import Api
from tests import race

pytestmark = pytest.mark.django_db
NO_TEXT = "caf\udce9"  # what the shell hands over for a Latin-1 é
MANY_DIGITS = "1" * 5_000
NOT_THERE = "/nowhere/eve.zip"
REASON = ("--reason", "fraud")

NONSENSE = {
    "user, no text": (["reinstate_user", NO_TEXT], "given as email is not text in UTF-8"),
    "reason, no text": (["suspend_user", "1", "--reason", NO_TEXT], "reason is not text in UTF-8"),
    "scopes, no text": (
        ["create_service_key", "gate", "--scope", NO_TEXT], "scopes? is not text in UTF-8",
    ),
    "path, no text": (["ingest_access_log", NO_TEXT], "path is not text in UTF-8"),
    "path, too long": (["ingest_access_log", MANY_DIGITS], "There is no file"),
    "organization, no such number": (["suspend_organization", MANY_DIGITS, *REASON], "There is no"),
    "output, no such folder": (
        ["export_user", "olivia@example.com", "--output", NOT_THERE], "No such file or directory",
    ),
    "output, too long": (
        ["export_user", "olivia@example.com", "--output", MANY_DIGITS], "File name too long",
    ),
    "service key, no such day": (
        ["create_service_key", "gate", "--scope", "verify", "--expires-in-days", "999999999"],
        "no day that is 999999999 days ahead",
    ),
    "batch, too large": (["rotate_secrets", "--batch", "9" * 30], "from 1 to 100,000 rows"),
    "batch, none": (["rotate_secrets", "--batch", "0"], "from 1 to 100,000 rows"),
    "partitions, too many": (["maintain_partitions", "--days", "99999"], "from 0 to 400"),
    "partitions, none": (["maintain_partitions", "--days", "-1"], "from 0 to 400"),
}  # fmt: skip


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_told_in_a_line(olivia, case):
    command, told = NONSENSE[case]

    with pytest.raises(CommandError, match=told) as refusal:
        call_command(*command)

    assert len(str(refusal.value).splitlines()) == 1


def test_too_many_partitions_are_none(db):
    before = partitions.existing()

    with pytest.raises(CommandError):
        call_command("maintain_partitions", "--days", "401")

    assert partitions.existing() == before


def test_create_admin_says_where_the_password_comes_from_when_nobody_can_be_asked(db, monkeypatch):
    def ask(_prompt):
        raise EOFError

    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    monkeypatch.setattr(getpass, "getpass", ask)

    with pytest.raises(CommandError, match="set ADMIN_PASSWORD"):
        call_command("create_admin", "ada@example.com")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "command",
    [["create_api", "Orders"], ["create_admin", "ada@example.com"]],
    ids=lambda one: one[0],
)
def test_of_two_operators_who_make_the_same_one_is_told(monkeypatch, command):
    monkeypatch.setenv("ADMIN_PASSWORD", "four other quiet words")
    outcomes = race.together(4, lambda _number: call_command(*command))

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [CommandError] * 3
    assert all(len(str(outcome).splitlines()) == 1 for outcome in outcomes if outcome is not None)
    assert (Api.objects.count(), User.objects.count()) in {(1, 0), (0, 1)}
