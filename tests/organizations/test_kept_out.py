"""Whoever the security policy keeps out reads why, can switch, and can leave; nobody else is let go of by it."""

import pytest
from django.utils.html import escape

from audit.models import AuditLog
from organizations import access
from organizations.models import ObjectGrant, Organization, OrganizationMember, Role
from organizations.roles import Permission
from organizations.services import custom_roles, grants
from tests.factories.accounts import PasskeyFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
ELSEWHERE = ["203.0.113.0/24"]
REASONS = [
    ({"requires_two_factor": True}, "organization_requires_two_factor"),
    ({"console_networks": ELSEWHERE}, "console_address_refused"),
]


def demand(organization, **policy):
    Organization.objects.filter(pk=organization.pk).update(**policy)


def leave(client, organization, user):
    return client.delete(f"/api/v1/organizations/{organization.pk}/members/{user.pk}")


def is_member(organization, user):
    return OrganizationMember.objects.filter(organization=organization, user=user).exists()


@pytest.mark.parametrize(("policy", "code"), REASONS)
def test_they_read_why_and_leave(api_as, organization, vera, policy, code):
    key = ApiKeyFactory.create(organization=organization)
    grants.give(
        tenant=access.on_behalf_of(organization),
        user_id=vera.pk,
        permission="keys:write",
        kind="api_key",
        object_id=key.pk,
    )
    demand(organization, **policy)
    client = api_as(vera)

    refused = client.get(f"/api/v1/organizations/{organization.pk}")
    listed = client.get("/api/v1/organizations").json()["data"]
    left = leave(client, organization, vera)

    assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert refused.json()["organization_id"] == organization.pk
    assert refused.json()["organization_name"] == organization.name
    assert [row["kept_out"] for row in listed] == [code]
    assert left.status_code == 204
    assert not is_member(organization, vera)
    assert not ObjectGrant.objects.exists()
    entry = AuditLog.objects.get(event="member.removed")
    assert (entry.actor_id, entry.data["user_id"]) == (vera.pk, vera.pk)
    assert client.get("/api/v1/organizations").json()["data"] == []


def test_what_they_cannot_come_in_to_is_told_without_details(api_as, organization, olivia):
    Organization.objects.filter(pk=organization.pk).update(
        billing_name="Acme SAS", metadata={"crm": "A"}, quota_limit=7
    )
    demand(organization, console_networks=ELSEWHERE)

    (row,) = api_as(olivia).get("/api/v1/organizations").json()["data"]

    assert (row["billing"], row["metadata"]) == (None, {})
    assert row["overrides"] == {"rate": None, "quota_limit": None}


def test_whoever_meets_the_policy_is_not_kept_out(api_as, organization, vera):
    demand(organization, requires_two_factor=True)
    PasskeyFactory.create(user=vera)

    (row,) = api_as(vera).get("/api/v1/organizations").json()["data"]

    assert row["kept_out"] is None


def test_one_question_answers_for_all_organizations(api_as, vera, count_queries):
    client, path = api_as(vera), "/api/v1/organizations"
    one = count_queries(client, path)
    for name in ("A", "B", "C"):
        client.post(path, {"name": name})
    Organization.objects.update(requires_two_factor=True)

    assert count_queries(client, path) - one == 2  # is there an app, is there a passkey


@pytest.mark.parametrize(("policy", "_code"), REASONS)
def test_the_last_owner_stays_also_when_kept_out(
    api_as, portal_as, organization, olivia, policy, _code
):
    demand(organization, **policy)

    refused = leave(api_as(olivia), organization, olivia)
    page = portal_as(olivia).post(f"/organizations/{organization.pk}/leave/", follow=True)

    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert "Make another member an owner first." in page.content.decode()
    assert is_member(organization, olivia)


def test_being_kept_out_lets_nobody_remove_others(api_as, organization, adam, vera):
    demand(organization, console_networks=ELSEWHERE)

    refused = leave(api_as(adam), organization, vera)

    assert (refused.status_code, refused.json()["code"]) == (403, "console_address_refused")
    assert is_member(organization, vera)


def test_a_role_without_any_permission_to_read_leaves(api_as, organization, olivia, vera):
    tenant = access.on_behalf_of(organization)
    role = custom_roles.create_role(
        tenant=tenant, name="Keys only", permissions=[Permission.KEYS_READ]
    )
    OrganizationMember.objects.filter(user=vera).update(role=Role.VIEWER, custom_role=role)

    assert leave(api_as(vera), organization, vera).status_code == 204


def test_a_stranger_has_nothing_to_leave(api_as, portal_as, organization, stan):
    url = f"/organizations/{organization.pk}/leave/"

    assert leave(api_as(stan), organization, stan).status_code == 404
    assert portal_as(stan).post(url).status_code == 404
    assert portal_as(stan).get(url).status_code == 405


@pytest.mark.parametrize(("policy", "_code"), REASONS)
def test_the_page_says_why_and_lets_go(portal_as, organization, vera, policy, _code):
    demand(organization, **policy)
    page = portal_as(vera)

    shown = page.get("/keys/")
    switcher = page.get("/organizations/switch/").content.decode()
    url = f"/organizations/{organization.pk}/leave/"
    assert shown.status_code == 403
    assert f'action="{url}"' in shown.content.decode()
    assert f"The security policy of <b>{escape(organization.name)}</b>" in shown.content.decode()
    assert "Kept out" in switcher

    left = page.post(url, follow=True)

    assert f"You have left {escape(organization.name)}." in left.content.decode()
    assert not is_member(organization, vera)
