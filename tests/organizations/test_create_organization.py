"""Opening organizations: at registration, and on request."""

import pytest

from accounts.models import User
from accounts.services import registration
from audit.models import AuditLog
from billing.models import Subscription
from organizations.models import Organization, OrganizationMember
from organizations.roles import Permission
from organizations.services.organizations import MAX_OWNED
from tests.factories.organizations import OrganizationFactory

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
def test_nobody_creates_nothing(api):
    response = api.post(URL, {"name": "Acme"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert not Organization.objects.exists()
