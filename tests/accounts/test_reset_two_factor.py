"""Staff and operators take the second factors from somebody who lost them: audited, mailed, and every session ends."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import RecoveryCode, Session, TotpDevice
from accounts.services import factors
from audit.models import AuditLog
from config.common.models import OutgoingMail
from tests.factories.accounts import PASSWORD
from tests.factors import enroll

USERS = "/admin/accounts/user/"


def _act(client, *people, reason="lost telephone, called back"):
    body = {
        "action": "reset_two_factor",
        "_selected_action": [person.pk for person in people],
        "reason": reason,
        "confirmed": "yes",
    }
    response = client.post(USERS, body, follow=True)
    return [str(message) for message in response.context["messages"]]


def test_the_command_takes_every_factor(api, api_as, olivia, capsys):
    enroll(olivia)
    client = api_as(olivia)

    call_command("reset_two_factor", olivia.email, reason="lost telephone")

    assert "password alone" in capsys.readouterr().out
    assert not TotpDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert client.get("/api/v1/users/me").status_code == 401
    login = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})
    assert "access" in login.json()


def test_the_command_is_audited_and_mailed(olivia):
    enroll(olivia)

    call_command("reset_two_factor", olivia.email, reason="lost telephone")

    entry = AuditLog.objects.get(event="user.two_factor_removed")
    assert (entry.actor_type, entry.actor_label) == ("command", "reset_two_factor")
    assert (entry.target_id, entry.data["reason"]) == (olivia.pk, "lost telephone")
    assert OutgoingMail.objects.get().kind == "accounts/two_factor_removed"


@pytest.mark.parametrize("who", ["nobody", "without"])
def test_the_command_says_what_is_missing(olivia, who):
    email = "nobody@example.com" if who == "nobody" else olivia.email

    with pytest.raises(CommandError, match="Nobody has" if who == "nobody" else "no second factor"):
        call_command("reset_two_factor", email, reason="x")
    assert not AuditLog.objects.filter(event="user.two_factor_removed").exists()


def test_staff_takes_them_with_a_reason(portal_as, sam, olivia):
    enroll(olivia)

    assert _act(portal_as(sam), olivia) == ["Done: 1."]

    assert not factors.has_second_factor(olivia)
    entry = AuditLog.objects.get(event="user.two_factor_removed")
    assert (entry.actor_id, entry.data["reason"]) == (sam.pk, "lost telephone, called back")


def test_staff_takes_nothing_without_a_reason(portal_as, sam, olivia):
    enroll(olivia)

    assert _act(portal_as(sam), olivia, reason=" ") == ["Give a reason beside the action."]

    assert factors.has_second_factor(olivia)


def test_admins_take_nothing_from_a_super_admin(portal_as, sam, olivia):
    enroll(sam)
    type(olivia).objects.filter(pk=olivia.pk).update(role="ADMIN")
    olivia.refresh_from_db()

    assert _act(portal_as(olivia), sam) == [f"{sam.email}: above your role."]

    assert factors.has_second_factor(sam)
    assert Session.objects.get().user_id == olivia.pk
