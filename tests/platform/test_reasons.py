"""Reasons that staff and operators give: what says nothing, or does not read as it is written, is none."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import TotpDevice, User
from audit.models import AuditLog
from organizations.models import Organization
from tests.accounts.staffing import staff_client
from tests.factories.webhooks import WebhookFactory
from tests.factors import enroll
from tests.platform.test_admin_questions import ask, said
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
ORGANIZATIONS = "/admin/organizations/organization/"
WEBHOOKS = "/admin/webhooks/webhook/"
UNSEEN = "A reason cannot hold line breaks, or characters that nobody sees."
FAULTS = {
    "nothing": ("", "Give a reason beside the action."),
    "blanks": (" \u00a0 ", "Give a reason beside the action."),
    "not to be seen": ("\u200b", UNSEEN),
    "letters that are blank": ("\u3164\u115f\u1160\uffa0", UNSEEN),
    "a pattern without dots": ("\u2800", UNSEEN),
    "turning the line": ("\u202efraud", UNSEEN),
    "a control character": ("fraud\x1b[31m", UNSEEN),
    "joiners alone": ("\u200d", "A reason needs something to see."),
    "too long": ("x" * 301, "The reason has 301 characters. Say it in 300."),
    "far too long": ("x" * 100_000, "The reason has 100000 characters. Say it in 300."),
}


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


@pytest.fixture
def webhook(organization):
    return WebhookFactory.create(organization=organization)


def nothing_has_changed():
    return (
        not User.objects.exclude(status="ACTIVE").exists()
        and not Organization.objects.exclude(status="ACTIVE").exists()
        and not Webhook.objects.exclude(disabled_at=None).exists()
        and TotpDevice.objects.count() == 1
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_an_action_needs_a_reason_that_can_be_read(office, olivia, organization, webhook, fault):
    enroll(olivia)
    reason, told = FAULTS[fault]
    before = AuditLog.objects.count()
    for path, action, row in (
        (PEOPLE, "suspend", olivia),
        (PEOPLE, "reset_two_factor", olivia),
        (ORGANIZATIONS, "suspend", organization),
        (ORGANIZATIONS, "close", organization),
        (WEBHOOKS, "force_disable", webhook),
    ):
        answer = ask(office, path, action, row, reason=reason, confirmed="yes")

        assert answer.status_code == 302
        assert said(office.get(path)) == [told], action
    assert nothing_has_changed()
    assert AuditLog.objects.count() == before


@pytest.mark.parametrize("reason", ["", "   ", "\u200b", "x" * 301])
@pytest.mark.parametrize(
    "command",
    [
        ["suspend_user", "olivia@example.com"],
        ["reset_two_factor", "olivia@example.com"],
        ["suspend_organization", "ORGANIZATION"],
        ["close_organization", "ORGANIZATION", "--name", "Olivia's organization"],
    ],
    ids=lambda command: command[0],
)
def test_a_command_needs_one_too(olivia, organization, webhook, command, reason):
    enroll(olivia)
    before = AuditLog.objects.count()
    called = [str(organization.pk) if word == "ORGANIZATION" else word for word in command]

    with pytest.raises(CommandError, match=r"[Rr]eason"):
        call_command(*called, "--reason", reason)

    assert nothing_has_changed()
    assert AuditLog.objects.count() == before


@pytest.mark.parametrize("reason", ["\u200b", "\u202efraud", "fraud\nand more"])
def test_so_does_the_staff_api(sam, olivia, reason):
    answer = staff_client(sam).post(f"/api/v1/admin/users/{olivia.pk}/suspend", {"reason": reason})

    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/reason"]
    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


@pytest.mark.parametrize("reason", ["Betrug: gestohlene Karte", "सत्यापन", "?", "x" * 300])
def test_what_can_be_read_is_kept_as_it_is(office, olivia, reason):
    ask(office, PEOPLE, "suspend", olivia, reason=reason)

    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason) == ("SUSPENDED", reason)
