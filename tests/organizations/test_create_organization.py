"""Opening organizations: at registration, and on request."""

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import registration
from audit.models import AuditLog
from billing.models import Subscription
from organizations import access, selectors
from organizations.models import Organization, OrganizationMember
from organizations.roles import Permission
from organizations.services import closing, organizations
from organizations.services.organizations import (
    MAX_OWNED,
    PLACE_TAKEN,
    OrganizationLimitReached,
)
from tests import race
from tests.factories.organizations import OrganizationFactory
from tests.race import at_once

URL = "/api/v1/organizations"
PASSWORD = "four unrelated quiet words"


@pytest.mark.django_db(transaction=True)
def test_registration_opens_a_personal_organization_on_the_free_plan():
    registration.register(email="nora@example.com", password=PASSWORD, full_name="Nora New")

    nora = User.objects.get(email="nora@example.com")
    organization = Organization.objects.get()
    assert organization.name == "Nora's organization"
    assert organization.personal_of == nora
    assert organization.billing_email == "nora@example.com"
    assert OrganizationMember.objects.get().role == "OWNER"
    subscription = Subscription.objects.get()
    assert (subscription.organization, subscription.plan.code) == (organization, "FREE")
    assert (subscription.status, organization.seat_limit) == ("ACTIVE", 3)


@pytest.mark.django_db(transaction=True)
def test_registering_a_known_address_opens_nothing(olivia):
    before = Organization.objects.count(), Subscription.objects.count(), AuditLog.objects.count()

    registration.register(email="OLIVIA@example.com", password=PASSWORD, full_name="Not Olivia")

    assert (
        Organization.objects.count(),
        Subscription.objects.count(),
        AuditLog.objects.count(),
    ) == before


@pytest.mark.django_db
def test_the_creator_is_the_owner(api_as, olivia, told):
    told()

    response = api_as(olivia).post(URL, {"name": "  Acme  "})

    assert response.status_code == 201
    body = response.json()
    created = Organization.objects.get(pk=body["id"])
    assert body == {
        "id": created.pk,
        "name": "Acme",
        "slug": created.slug,
        "status": "ACTIVE",
        "role": "OWNER",
        "custom_role": None,
        "permissions": sorted(permission.value for permission in Permission),
        "is_personal": False,
        "seat_limit": 3,
        "overrides": {"rate": None, "quota_limit": None},
        "billing": {
            "name": "",
            "email": "olivia@example.com",
            "address": {},
            "tax_id": "",
            "currency": "USD",
        },
        "metadata": {},
        "kept_out": None,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }
    assert body["created_at"].endswith("Z")
    assert created.slug.startswith("acme-")
    assert Subscription.objects.get(organization=created).plan.code == "FREE"
    assert told() == ["session.started", "subscription.created", "organization.created"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/name", "required"),
        ({"name": ""}, "#/name", "blank"),
        ({"name": "   "}, "#/name", "blank"),
        ({"name": None}, "#/name", "null"),
        ({"name": "x" * 121}, "#/name", "max_length"),
        ({"name": ["Acme"]}, "#/name", "type"),
        ({"name": "Acme\nInc"}, "#/name", "name"),
        ({"name": "Ac\u202eem"}, "#/name", "name"),
        ({"name": "\u2060"}, "#/name", "name"),
        ({"name": "\u0301"}, "#/name", "name"),
        ({"name": "Acme", "role": "OWNER"}, "#/role", "unknown_member"),
        ({"name": "Acme", "id": 7}, "#/id", "unknown_member"),
        ({"name": "Acme", "seat_limit": 1000}, "#/seat_limit", "unknown_member"),
        ([], "#", "invalid"),
    ],
)
def test_refuses_what_is_not_a_new_organization(api_as, olivia, body, pointer, code):
    before = Organization.objects.count()

    response = api_as(olivia).post(URL, body)

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    assert Organization.objects.count() == before


@pytest.mark.django_db
def test_a_name_stays_readable(api_as, olivia, organization):
    client, url = api_as(olivia), f"{URL}/{organization.pk}"
    before = organization.name

    refused = client.patch(url, {"name": "Olivia\u2028's"})
    role = client.post(f"{url}/roles", {"name": "Ad\u200bmin", "permissions": ["keys:read"]})

    assert [(one.status_code, one.json()["errors"][0]["code"]) for one in (refused, role)] == [
        (400, "name")
    ] * 2
    organization.refresh_from_db()
    assert organization.name == before
    # Joiners belong to letters and emoji.
    assert (
        client.patch(url, {"name": "\u0646\u0627\u0645\u200c\u0647\u0627 👩\u200d💻"}).status_code
        == 200
    )


@pytest.mark.django_db
def test_names_without_letters_get_a_slug_too(api_as, olivia):
    response = api_as(olivia).post(URL, {"name": "東京"})

    assert response.status_code == 201
    assert response.json()["slug"].startswith("organization-")


@pytest.mark.django_db
def test_one_person_owns_a_limited_number(api_as, olivia):
    for _ in range(MAX_OWNED - 1):
        OrganizationFactory.create(owner=olivia)

    response = api_as(olivia).post(URL, {"name": "One too many"})

    assert response.status_code == 409
    assert response.json()["code"] == "organization_limit_reached"
    assert response.json()["limit"] == MAX_OWNED
    assert not Organization.objects.filter(name="One too many").exists()


@pytest.mark.django_db
def test_one_that_is_given_away_counts_for_who_opened_it(api_as, organization, olivia, adam):
    client = api_as(olivia)
    for _ in range(MAX_OWNED - 1):
        OrganizationFactory.create(owner=olivia)
    transfer = f"/api/v1/organizations/{organization.pk}/transfer-ownership"
    assert client.post(transfer, {"user_id": adam.pk}).status_code == 200

    refused = client.post(URL, {"name": "One too many"})

    assert (refused.status_code, refused.json()["code"]) == (409, "organization_limit_reached")
    assert not Organization.objects.filter(name="One too many").exists()
    # It takes a place of whoever owns it, too; who only opened it, and long ago, has the place back.
    assert selectors.places_taken(user_id=adam.pk, since=timezone.now() - PLACE_TAKEN) == 1
    Organization.objects.filter(pk=organization.pk).update(created_at=timezone.now() - PLACE_TAKEN)
    assert client.post(URL, {"name": "Room again"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_many_at_once_open_no_more_than_one_may(olivia, monkeypatch):
    monkeypatch.setattr("organizations.services.organizations.MAX_OWNED", 3)

    outcomes = race.together(
        6, lambda n: organizations.create_organization(owner=olivia, name=f"Race {n}")
    )

    refused = [one for one in outcomes if isinstance(one, OrganizationLimitReached)]
    opened = [one for one in outcomes if isinstance(one, Organization)]
    assert (len(opened), len(refused)) == (2, 4)
    assert Organization.objects.filter(opened_by=olivia).count() == 3


@pytest.mark.django_db(transaction=True)
def test_closing_meanwhile_makes_no_room(olivia, organization, monkeypatch):
    monkeypatch.setattr("organizations.services.organizations.MAX_OWNED", 1)
    tenant = access.tenant_of(olivia, organization.pk)

    _, *outcomes = at_once(
        lambda: closing.close(tenant=tenant, confirmation=organization.name, at=timezone.now()),
        *[lambda: organizations.create_organization(owner=olivia, name="Anew")] * 3,
    )

    assert [type(one) for one in outcomes] == [OrganizationLimitReached] * 3
    assert Organization.objects.count() == 1


@pytest.mark.django_db
def test_nobody_creates_nothing(api):
    response = api.post(URL, {"name": "Acme"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert not Organization.objects.exists()
