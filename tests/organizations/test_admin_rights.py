"""The back office of invitations, roles and grants: through the services, audited, refused with their sentence."""

import pytest

from audit.models import AuditLog
from organizations import access
from organizations.models import ObjectGrant, Organization, OrganizationInvitation
from organizations.services import custom_roles, grants
from tests.factories.apikeys import ApiKeyFactory
from tests.office import faults_of

pytestmark = pytest.mark.django_db
BASE = "/admin/organizations"


@pytest.fixture
def back_office(portal_as, sam):
    return portal_as(sam)


def act(client, model, action, *rows, **more):
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(f"{BASE}/{model}/", data, follow=True)


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def invite(client, organization, email="nora@example.com"):
    data = {"organization": organization.pk, "email": email, "role": "MEMBER"}
    return client.post(f"{BASE}/organizationinvitation/add/", data, follow=True)


def test_support_invites_sends_again_and_revokes(back_office, organization, sam):
    invite(back_office, organization)
    invitation = OrganizationInvitation.objects.get()
    first = bytes(invitation.digest)

    again = act(back_office, "organizationinvitation", "send_again", invitation)
    invitation.refresh_from_db()
    revoked = act(back_office, "organizationinvitation", "revoke", invitation)
    refused = act(back_office, "organizationinvitation", "revoke", invitation)

    assert (messages_of(again), messages_of(revoked)) == (["Sent again: 1."], ["Revoked: 1."])
    assert "was taken back" in messages_of(refused)[0]
    assert bytes(invitation.digest) != first
    events = AuditLog.objects.filter(event__startswith="invitation.").order_by("pk")
    assert [(entry.event, entry.actor_id) for entry in events] == [
        ("invitation.created", sam.pk),
        ("invitation.renewed", sam.pk),
        ("invitation.revoked", sam.pk),
    ]


def test_a_refused_invitation_says_why(back_office, organization, olivia):
    response = invite(back_office, organization, olivia.email)

    assert "belongs to the organization already" in str(faults_of(response))
    assert not OrganizationInvitation.objects.exists()


def test_pages_of_rights_are_shown(back_office, organization, olivia, vera):
    tenant = access.tenant_of(olivia)
    role = custom_roles.create_role(tenant=tenant, name="Reader", permissions=["usage:read"])
    grant, _ = grants.give(
        tenant=tenant,
        user_id=vera.pk,
        permission="keys:write",
        kind="api_key",
        object_id=ApiKeyFactory.create(organization=organization).pk,
    )
    invite(back_office, organization)
    rows = {
        "customrole": role,
        "objectgrant": grant,
        "organizationinvitation": OrganizationInvitation.objects.get(),
    }

    for name, row in rows.items():
        assert back_office.get(f"{BASE}/{name}/").status_code == 200
        shown = back_office.get(f"{BASE}/{name}/{row.pk}/change/")
        assert shown.status_code == 200
        assert "digest" not in shown.content.decode()
    assert "keys:write" in back_office.get(f"{BASE}/objectgrant/").content.decode()


def test_support_takes_a_grant_away(back_office, organization, olivia, vera, sam):
    grant, _ = grants.give(
        tenant=access.tenant_of(olivia),
        user_id=vera.pk,
        permission="audit:read",
        kind="organization",
        object_id=organization.pk,
    )

    response = act(back_office, "objectgrant", "take_away", grant)

    assert messages_of(response) == ["Taken away: 1."]
    assert not ObjectGrant.objects.exists()
    assert AuditLog.objects.get(event="grant.removed").actor_id == sam.pk


def test_support_closes_with_a_reason(back_office, organization):
    silent = act(back_office, "organization", "close", organization, reason="")
    assert messages_of(silent) == ["Give a reason beside the action."]
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"

    letter = {"reason": "asked by letter"}
    asked = act(back_office, "organization", "close", organization, **letter)
    assert "Your reason: asked by letter" in asked.content.decode()
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"

    act(back_office, "organization", "close", organization, confirmed="yes", **letter)

    assert Organization.objects.get(pk=organization.pk).status == "CLOSED"
    assert "asked by letter" in AuditLog.objects.get(event="organization.closed").summary
