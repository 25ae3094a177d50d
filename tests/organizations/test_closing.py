"""Closing an organization: everything stops, what bills need stays, and whoever has a reason against it prevents it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.utils import timezone

from apikeys.models import ApiKey
from audit.models import AuditLog
from billing.models import Subscription
from config.common.errors import Conflict
from config.common.events import published
from config.common.models import OutgoingMail
from organizations.models import Organization, OrganizationInvitation, OrganizationMember
from organizations.signals import OrganizationClosed
from tests.clients import grow_old
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db


def close(client, organization, name=None):
    body = {"name": organization.name if name is None else name}
    return client.post(f"/api/v1/organizations/{organization.pk}/close", body)


def test_everything_stops_and_what_bills_need_stays(api_as, organization, olivia, adam, told):
    key = ApiKeyFactory.create(organization=organization, created_by=olivia)
    Organization.objects.filter(pk=organization.pk).update(billing_name="Acme SAS", tax_id="FR1")
    client, other = api_as(olivia), api_as(adam)
    url = f"/api/v1/organizations/{organization.pk}"
    client.post(f"{url}/invitations", {"email": "nora@example.com", "role": "VIEWER"})
    told()

    response = close(client, organization)

    assert response.status_code == 204
    organization.refresh_from_db()
    assert (organization.status, organization.closed_at is None) == ("CLOSED", False)
    assert (organization.billing_name, organization.tax_id) == ("Acme SAS", "FR1")
    assert Subscription.objects.filter(organization=organization).exists()
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert OrganizationInvitation.objects.get().status == "REVOKED"
    assert told() == [
        *("invitation.revoked", "subscription.canceled", "api_key.revoked", "organization.closed")
    ]
    assert [one.get(url).status_code for one in (client, other)] == [404, 404]
    assert client.get("/api/v1/organizations").json()["data"] == []
    mailed = OutgoingMail.objects.filter(kind="organizations/closed")
    assert set(mailed.values_list("recipient", flat=True)) == {olivia.email, adam.email}


@pytest.mark.parametrize(
    ("who", "status"), [("adam", 403), ("mia", 403), ("vera", 403), ("stan", 404)]
)
def test_only_an_owner_closes(request, api_as, organization, who, status):
    assert close(api_as(request.getfixturevalue(who)), organization).status_code == status

    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"


def test_the_name_confirms_it(api_as, organization, olivia):
    refused = close(api_as(olivia), organization, "olivia's organization")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "#/name"
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"


def test_it_takes_a_fresh_proof_of_who_one_is(api_as, organization, olivia):
    client = api_as(olivia)
    grow_old(olivia)

    refused = close(client, organization)

    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"


def test_whoever_has_a_reason_against_it_prevents_it(api_as, organization, olivia):
    key = ApiKeyFactory.create(organization=organization)

    @receiver(published, sender=OrganizationClosed)
    def object_to_it(**_):
        raise Conflict("An invoice is not paid.")

    try:
        refused = close(api_as(olivia), organization)
    finally:
        published.disconnect(object_to_it, sender=OrganizationClosed)

    assert (refused.status_code, refused.json()["detail"]) == (409, "An invoice is not paid.")
    organization.refresh_from_db()
    assert (organization.status, organization.closed_at) == ("ACTIVE", None)
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None
    assert not AuditLog.objects.filter(event="organization.closed").exists()
    assert not OutgoingMail.objects.filter(kind="organizations/closed").exists()


def test_a_closed_one_makes_room_for_another_a_month_after_it_was_opened(
    api_as, organization, olivia, monkeypatch
):
    monkeypatch.setattr("organizations.services.organizations.MAX_OWNED", 1)
    client = api_as(olivia)
    close(client, organization)

    refused = client.post("/api/v1/organizations", {"name": "Second"})
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_limit_reached")

    opened = Organization.objects.filter(pk=organization.pk)
    opened.update(created_at=timezone.now() - timedelta(days=30))
    assert client.post("/api/v1/organizations", {"name": "Second"}).status_code == 201


def test_it_cannot_be_chosen_or_reinstated(api_as, portal_as, organization, olivia):
    close(api_as(olivia), organization)

    chosen = portal_as(olivia).post("/organizations/switch/", {"organization": organization.pk})

    assert chosen.status_code == 404
    assert OrganizationMember.objects.get(user=olivia).selected_at is None
    with pytest.raises(IntegrityError, match="organization_closed_complete"), transaction.atomic():
        Organization.objects.filter(pk=organization.pk).update(status="ACTIVE")
