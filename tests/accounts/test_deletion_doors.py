"""Closing an account by command, in the portal, and as staff sees it."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import (
    User,
    UserStatus,
)
from audit.models import AuditLog
from tests.clients import grow_old
from tests.factories.accounts import PASSWORD

BODY = {"password": PASSWORD}


@pytest.fixture
def leaving(api_as, stan, places):
    """Stan, who is alone in his organization, has asked to be deleted."""
    assert api_as(stan).post("/api/v1/users/me/deletion", BODY).status_code == 202
    stan.refresh_from_db()
    return stan


def test_the_command_erases_at_once(stan, places, capsys):
    call_command("erase_user", stan.email)

    assert User.objects.get(pk=stan.pk).status == UserStatus.DELETED
    assert f"deleted-{stan.pk}" in capsys.readouterr().out
    assert AuditLog.objects.get(event="user.erased").actor_label == "erase_user"


def test_the_command_rehearses(stan, places, capsys):
    before = User.objects.values().get(pk=stan.pk)

    call_command("erase_user", stan.email, "--dry-run")

    assert "nothing was changed" in capsys.readouterr().out
    assert User.objects.values().get(pk=stan.pk) == before
    assert not AuditLog.objects.filter(event="user.erased").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["really", "dry"])
def test_the_command_says_what_stands_in_the_way(olivia, mia, options):
    with pytest.raises(CommandError, match="only owner of Olivia's organization"):
        call_command("erase_user", olivia.email, *options)

    assert User.objects.get(pk=olivia.pk).status == UserStatus.ACTIVE


def test_pages_lead_through_it(portal_as, stan):
    browser = portal_as(stan)

    shown = browser.get("/privacy/deletion/")
    wrong = browser.post("/privacy/deletion/", {"password": "wrong"})
    asked = browser.post("/privacy/deletion/", BODY, follow=True)
    elsewhere = browser.get("/profile/")
    kept = browser.post("/privacy/deletion/cancel/", follow=True)

    assert shown.status_code == 200
    assert wrong.context["form"].has_error("password")
    assert asked.redirect_chain == [("/privacy/", 302)]
    assert "Your account will be deleted on" in elsewhere.content.decode()
    assert "You keep your account" in kept.content.decode()
    assert User.objects.get(pk=stan.pk).deletion_due_at is None


def test_the_page_tells_a_sole_owner(portal_as, olivia, mia):
    page = portal_as(olivia).post("/privacy/deletion/", BODY).content.decode()

    assert "only owner of Olivia&#x27;s organization" in page


def test_the_page_asks_who_is_there(portal_as, stan):
    browser = portal_as(stan)
    grow_old(stan)

    assert browser.get("/privacy/deletion/")["Location"].startswith("/confirm/")


def test_staff_sees_and_cancels_it(portal_as, sam, leaving):
    browser = portal_as(sam)

    page = browser.get(f"/admin/accounts/user/{leaving.pk}/change/").content.decode()
    browser.post(
        "/admin/accounts/user/", {"action": "keep_account", "_selected_action": [leaving.pk]}
    )

    assert "Deletion due at" in page
    assert User.objects.get(pk=leaving.pk).deletion_due_at is None
