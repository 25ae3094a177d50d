"""create_admin, suspend_user and reinstate_user."""

import getpass

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import PlatformRole, User, UserStatus
from audit.models import AuditLog
from tests.factories.accounts import PASSWORD

ADMIN = "ada@example.com"


def test_create_admin_takes_the_password_from_the_environment(db, monkeypatch, capsys):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)

    call_command("create_admin", "Ada@Example.com", "--full-name", "Ada Admin")

    ada = User.objects.get()
    assert (ada.email, ada.full_name, ada.role) == (ADMIN, "Ada Admin", PlatformRole.SUPER_ADMIN)
    assert ada.is_superuser
    assert ada.is_verified_email
    assert ada.check_password(PASSWORD)
    assert capsys.readouterr().out == (
        f"{ADMIN} is a super admin.\n"
        "Sign in at /login/ and set a second factor up: the back office asks for it.\n"
    )


def test_create_admin_is_audited_as_the_command(db, monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)

    call_command("create_admin", ADMIN)

    entry = AuditLog.objects.get(event="user.role_changed")
    assert (entry.actor_type, entry.actor_label) == ("command", "create_admin")
    assert entry.new_values == {"role": "SUPER_ADMIN"}


def test_create_admin_asks_for_the_password_twice(db, monkeypatch):
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: PASSWORD)

    call_command("create_admin", ADMIN)

    assert User.objects.get().check_password(PASSWORD)


def test_create_admin_refuses_two_different_passwords(db, monkeypatch):
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"{PASSWORD} {prompt}")

    with pytest.raises(CommandError, match="differ"):
        call_command("create_admin", ADMIN)

    assert not User.objects.exists()


def test_create_admin_refuses_a_weak_password(db, monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", "short")

    with pytest.raises(CommandError, match="too short"):
        call_command("create_admin", ADMIN)

    assert not User.objects.exists()


def test_create_admin_refuses_a_known_address(olivia, monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)

    with pytest.raises(CommandError, match="There is an account"):
        call_command("create_admin", olivia.email)

    assert User.objects.get().role == PlatformRole.USER


def test_create_admin_refuses_what_is_no_address(db, monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)

    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("create_admin", "ada")

    assert not User.objects.exists()


def test_suspend_user_stops_an_account(olivia, api_as, capsys):
    client = api_as(olivia)

    call_command("suspend_user", "OLIVIA@example.com", "--reason", "stolen card")

    assert client.get("/api/v1/users/me").status_code == 401
    entry = AuditLog.objects.get(event="user.suspended")
    assert (entry.actor_label, entry.data["reason"]) == ("suspend_user", "stolen card")
    assert capsys.readouterr().out == "olivia@example.com is suspended.\n"


def test_suspend_user_refuses_a_reason_that_is_too_long(olivia):
    with pytest.raises(
        CommandError, match=r"The reason has 301 characters.\n#/reason: Say it in 300."
    ):
        call_command("suspend_user", olivia.email, "--reason", "x" * 301)

    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason) == ("ACTIVE", "")
    assert not AuditLog.objects.filter(event="user.suspended").exists()


def test_suspend_user_refuses_a_super_admin(sam):
    with pytest.raises(CommandError, match="super admin"):
        call_command("suspend_user", sam.email, "--reason", "a coup")

    assert User.objects.get().status == UserStatus.ACTIVE


@pytest.mark.parametrize("command", ["suspend_user", "reinstate_user"])
def test_an_unknown_address_is_named(db, command):
    arguments = ["--reason", "x"] if command == "suspend_user" else []

    with pytest.raises(CommandError, match=r"Nobody has the address nobody@example\.com\."):
        call_command(command, "nobody@example.com", *arguments)


def test_reinstate_user_lets_an_account_in_again(olivia):
    call_command("suspend_user", olivia.email, "--reason", "by mistake")
    call_command("reinstate_user", olivia.email)

    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason) == (UserStatus.ACTIVE, "")


def test_reinstate_user_refuses_an_active_account(olivia):
    with pytest.raises(CommandError, match="not suspended"):
        call_command("reinstate_user", olivia.email)

    assert not AuditLog.objects.filter(event="user.reinstated").exists()


def test_suspends_for_some_days(olivia):
    call_command("suspend_user", olivia.email, reason="Chargeback", days=7)

    olivia.refresh_from_db()
    assert (olivia.suspended_until - timezone.now()).days == 6
