"""A form that was shown in one organization changes nothing in another: a second tab switches, or somebody closes it."""

import re
from typing import Any

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from audit.models import AuditLog
from organizations.models import OrganizationMember
from organizations.services import closing
from tests.factories.organizations import MemberFactory, OrganizationFactory

pytestmark = pytest.mark.django_db
SWITCH = "/organizations/switch/"
# Pages whose address names no row of one organization, and what their forms are filled in with.
FORMS: dict[str, dict[str, Any]] = {
    "/keys/create/": {"name": "Checkout", "environment": "live"},
    "/webhooks/create/": {"url": "https://hooks.example.com/", "every_event": "on"},
    "/organization/": {"name": "Acme"},
    "/organization/security/": {"max_key_age_days": "30"},
    "/organization/transfer/": {},
    "/organization/close/": {"name": "Second"},
    "/team/invite/": {"email": "nora@example.com", "role": "MEMBER"},
    "/team/roles/create/": {"name": "Reader", "permissions": ["keys:read"]},
    "/team/grants/": {"email": "mia@example.com"},
}


@pytest.fixture
def second(olivia, mia):
    """Return another organization of the same people."""
    second = OrganizationFactory.create(owner=olivia, name="Second")
    MemberFactory.create(organization=second, user=mia, role="MEMBER")
    return second


def _hidden_of(answer, path):
    """Return what the form that is sent to the path carries beside what people fill in."""
    forms = re.findall(r"<form([^>]*)>(.*?)</form>", answer.content.decode(), re.DOTALL)
    to_path = [
        inside
        for tag, inside in forms
        if 'method="post"' in tag
        and (re.findall(r'action="([^"]*)"', tag) or [answer.request["PATH_INFO"]]) == [path]
    ]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', to_path[0]))


def _lead_back(answer):
    assert (answer.status_code, answer.headers["Location"]) == (302, SWITCH)


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_was_shown_before_the_switch_changes_nothing(
    portal_as, organization, mia, olivia, second, path
):
    client = portal_as(olivia)
    client.post(SWITCH, {"organization": organization.pk})
    hidden = _hidden_of(client.get(path), path)
    client.post(SWITCH, {"organization": second.pk})
    before = AuditLog.objects.count()

    _lead_back(client.post(path, {**hidden, **FORMS[path]}))

    assert AuditLog.objects.count() == before
    told = client.get(SWITCH).content.decode()
    assert "another organization than Second, in which you are now: nothing was changed." in told


@pytest.mark.parametrize("verb", ["role", "remove"])
def test_a_member_of_both_keeps_what_they_are(portal_as, organization, mia, olivia, second, verb):
    client, path = portal_as(olivia), f"/team/{mia.pk}/{verb}/"
    client.post(SWITCH, {"organization": organization.pk})
    hidden = _hidden_of(client.get("/team/"), path)
    client.post(SWITCH, {"organization": second.pk})

    _lead_back(client.post(path, {**hidden, "role": "VIEWER"}))

    roles = OrganizationMember.objects.filter(user=mia).values_list("role", flat=True)
    assert list(roles) == ["MEMBER", "MEMBER"]


def test_a_page_of_a_closed_organization_makes_no_key_in_the_next_one(
    portal_as, organization, olivia, second
):
    client = portal_as(olivia)
    client.post(SWITCH, {"organization": second.pk})
    hidden = _hidden_of(client.get("/keys/create/"), "/keys/create/")
    closing.shut(second, reason="by its owner", at=timezone.now())

    _lead_back(client.post("/keys/create/", {**hidden, **FORMS["/keys/create/"]}))

    assert not ApiKey.objects.exists()


def test_the_form_of_the_organization_itself_is_carried_out(
    portal_as, organization, olivia, second
):
    client = portal_as(olivia)
    client.post(SWITCH, {"organization": second.pk})
    hidden = _hidden_of(client.get("/organization/"), "/organization/")

    assert client.post("/organization/", {**hidden, "name": "Acme"}).status_code == 302

    second.refresh_from_db()
    assert second.name == "Acme"
