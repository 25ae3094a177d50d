"""The gate: a caller reaches the rows of one organization, and a foreign id looks like a missing one."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from config.common.errors import NotFound
from organizations import access
from organizations.models import OrganizationMember, Role
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped
from organizations.services import organizations
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory

pytestmark = pytest.mark.django_db
MISSING = 9_007_199_254_740_991


def test_acts_in_the_only_organization(organization, olivia):
    tenant = access.tenant_of(olivia)

    assert (tenant.organization, tenant.user, tenant.role) == (organization, olivia, "OWNER")


def test_acts_in_the_first_joined_until_another_is_selected(organization, olivia):
    second = OrganizationFactory.create(owner=olivia)

    assert access.tenant_of(olivia).organization == organization
    organizations.select_organization(user=olivia, organization_id=second.pk, at=timezone.now())
    assert access.tenant_of(olivia).organization == second


def test_acts_in_the_one_selected_last(organization, olivia):
    second = OrganizationFactory.create(owner=olivia)
    now = timezone.now()
    organizations.select_organization(user=olivia, organization_id=second.pk, at=now)

    organizations.select_organization(
        user=olivia, organization_id=organization.pk, at=now + timedelta(seconds=1)
    )

    assert access.tenant_of(olivia).organization == organization


def test_acts_in_the_one_asked_for(organization, olivia):
    second = OrganizationFactory.create(owner=olivia)

    assert access.tenant_of(olivia, second.pk).organization == second


@pytest.mark.parametrize("asked", ["foreign", "missing"])
def test_a_foreign_organization_is_a_missing_one(asked, olivia, foreign_organization):
    asked_id = foreign_organization.pk if asked == "foreign" else MISSING

    with pytest.raises(NotFound) as refused:
        access.tenant_of(olivia, asked_id)

    assert refused.value.detail == NotFound().detail


def test_who_belongs_to_none_has_no_tenant(organization):
    with pytest.raises(NotFound):
        access.tenant_of(UserFactory.create())


def test_rows_are_those_of_the_organization(organization, olivia, foreign_organization):
    rows = access.rows_of(access.tenant_of(olivia), OrganizationMember.objects.all())

    assert [row.organization_id for row in rows] == [organization.pk]


def test_a_foreign_row_is_a_missing_one(organization, olivia, foreign_organization):
    tenant = access.tenant_of(olivia)
    foreign = OrganizationMember.objects.get(organization=foreign_organization)

    for pk in (foreign.pk, MISSING, 10**30):
        with pytest.raises(NotFound) as refused:
            access.row_of(tenant, OrganizationMember.objects.all(), pk=pk)
        assert refused.value.detail == NotFound().detail


@pytest.mark.django_db(transaction=True)
def test_the_role_is_read_again_under_the_lock(organization, olivia):
    member = MemberFactory.create(organization=organization, role=Role.ADMIN)
    tenant = access.tenant_of(member.user)
    OrganizationMember.objects.filter(pk=member.pk).update(role=Role.VIEWER)

    with transaction.atomic():
        assert access.locked(tenant).role == Role.VIEWER


def test_a_handler_without_a_permission_cannot_be_defined():
    with pytest.raises(TypeError, match=r"names no permission for \['DELETE'\]"):

        class Careless(OrganizationScoped):
            permissions_by_method = {"GET": Permission.KEYS_READ}

            def get(self, request): ...

            def delete(self, request): ...


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.0", "٣", "1" * 19, "0x10"])
def test_a_header_that_is_no_id_is_refused(text, api_as, organization, olivia):
    response = api_as(olivia).get("/api/v1/api-keys", HTTP_X_ORGANIZATION_ID=text)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/X-Organization-Id"
    assert response.json()["errors"][0]["location"] == "header"


def test_the_header_chooses_the_organization(api_as, organization, olivia):
    second = OrganizationFactory.create(owner=olivia)
    client = api_as(olivia)

    made = client.post(
        "/api/v1/api-keys", {"name": "Second's"}, HTTP_X_ORGANIZATION_ID=str(second.pk)
    )

    assert made.status_code == 201
    assert client.get("/api/v1/api-keys").json()["data"] == []
    listed = client.get("/api/v1/api-keys", HTTP_X_ORGANIZATION_ID=str(second.pk)).json()["data"]
    assert [key["name"] for key in listed] == ["Second's"]


def test_a_lost_role_is_lost_on_the_next_request(api_as, organization, mia):
    client = api_as(mia)
    assert client.post("/api/v1/api-keys", {"name": "One"}).status_code == 201

    OrganizationMember.objects.filter(user=mia, organization=organization).update(role=Role.VIEWER)
    assert client.post("/api/v1/api-keys", {"name": "Two"}).status_code == 403

    OrganizationMember.objects.filter(user=mia, organization=organization).delete()
    assert client.get("/api/v1/api-keys").status_code == 404


def test_options_tells_nothing(api_as, organization, olivia):
    response = api_as(olivia).options("/api/v1/api-keys")

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
