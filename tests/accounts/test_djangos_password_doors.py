"""A new password ends every session, whichever of Django's own doors it came through."""

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from accounts.models import Session, User
from audit.models import AuditLog
from tests.factories.accounts import PASSWORD

NEW = "another four unrelated words"


def test_djangos_command_ends_all_sessions(api_as, olivia, monkeypatch):
    client = api_as(olivia)
    monkeypatch.setattr(
        "django.contrib.auth.management.commands.changepassword.getpass.getpass",
        lambda *_, **__: NEW,
    )

    call_command("changepassword", olivia.email, verbosity=0)

    assert client.get("/api/v1/users/me").status_code == 401


@pytest.mark.parametrize("password", ["short", "password1234"])
def test_a_weak_password_is_refused(portal_as, sam, password):
    client = portal_as(sam)

    client.post(
        "/admin/password_change/",
        {"old_password": PASSWORD, "new_password1": password, "new_password2": password},
    )

    assert User.objects.get().check_password(PASSWORD)
    assert Session.objects.get().ended_at is None


def test_an_upgraded_hash_is_no_new_password(api_as, olivia, sign_in):
    client = api_as(olivia)
    older = make_password(PASSWORD, hasher="bcrypt")
    User.objects.filter(pk=olivia.pk).update(password=older)

    sign_in(olivia)

    assert User.objects.get(pk=olivia.pk).password != older
    assert client.get("/api/v1/users/me").status_code == 200
    assert not AuditLog.objects.filter(event="user.password_changed").exists()
