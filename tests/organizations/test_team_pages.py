"""Portal pages of the team: who sees which, roles, grants, policy, handing over, closing."""

import re

import pytest

from apikeys.models import ApiKey
from organizations import access
from organizations.models import (
    CustomRole,
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
    Role,
)
from organizations.services import custom_roles, grants
from tests.clients import grow_old
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory
from tests.organizations.team_pages import invite, text_of

pytestmark = pytest.mark.django_db
READ_ONLY = ["/team/roles/", "/team/grants/", "/organization/security/"]
OF_ADMINS = ["/team/invite/", "/team/roles/create/"]
OF_OWNERS = ["/organization/transfer/", "/organization/close/"]


@pytest.mark.parametrize("person", ["olivia", "adam", "mia", "vera"])
def test_who_sees_which_page(request, portal_as, organization, person):
    client = portal_as(request.getfixturevalue(person))
    allowed = {"olivia": OF_ADMINS + OF_OWNERS, "adam": OF_ADMINS}.get(person, [])

    got = {path: client.get(path).status_code for path in READ_ONLY + OF_ADMINS + OF_OWNERS}

    assert got == {path: 200 if path in READ_ONLY + allowed else 403 for path in got}


@pytest.mark.parametrize("person", ["mia", "vera"])
def test_who_may_not_change_is_offered_nothing_and_refused(
    request, portal_as, organization, person
):
    client = portal_as(request.getfixturevalue(person))
    shown = [text_of(client.get(path)) for path in ["/team/", *READ_ONLY]]

    got = [
        client.post("/organization/security/", {"max_key_age_days": "1"}).status_code,
        client.post("/team/grants/", {}).status_code,
        client.post("/team/roles/create/", {"name": "Mine"}).status_code,
        invite(client).status_code,
    ]

    assert got == [403] * 4
    for offer in ("Invite</a>", "Create role", "Grant a permission", "Save policy"):
        assert all(offer not in page for page in shown)
    assert not OrganizationInvitation.objects.exists()


def test_a_role_is_made_given_changed_and_deleted(portal_as, organization, olivia, vera):
    client = portal_as(olivia)
    client.post("/team/roles/create/", {"name": "Accountant", "permissions": ["billing:read"]})
    role = CustomRole.objects.get()

    client.post(f"/team/{vera.pk}/role/", {"role": f"custom:{role.pk}"})
    listed = text_of(client.get("/team/"))
    client.post(f"/team/roles/{role.pk}/", {"name": "Payer", "permissions": ["billing:write"]})
    held = access.tenant_of(vera).held
    client.post(f"/team/roles/{role.pk}/delete/", {"role": "MEMBER"})

    assert f'<option value="custom:{role.pk}" selected>Accountant</option>' in listed
    assert held == {"billing:write", "organization:read"}
    assert OrganizationMember.objects.get(user=vera).role == "MEMBER"
    assert not CustomRole.objects.exists()


def test_a_role_offers_no_more_than_one_has(portal_as, organization, adam):
    client = portal_as(adam)

    page = text_of(client.get("/team/roles/create/"))
    refused = client.post(
        "/team/roles/create/", {"name": "Boss", "permissions": ["organization:close"]}
    )

    assert 'value="members:write"' in page
    assert 'value="organization:close"' not in page
    assert refused.status_code == 200
    assert not CustomRole.objects.exists()


def test_a_foreign_role_is_missing(portal_as, organization, olivia, stan):
    theirs = custom_roles.create_role(
        tenant=access.tenant_of(stan), name="Theirs", permissions=["keys:read"]
    )
    client = portal_as(olivia)

    got = [
        client.get(f"/team/roles/{pk}/{page}").status_code
        for pk in (theirs.pk, 8_000_000_000)
        for page in ("", "delete/")
    ]

    assert got == [404] * 4


def test_a_permission_on_one_key_is_given_and_taken(portal_as, organization, adam, vera):
    key = ApiKeyFactory.create(organization=organization, name="Checkout")
    client = portal_as(adam)
    client.post(
        "/team/grants/",
        {"email": "vera@example.com", "permission": "keys:write", "on": f"api_key:{key.pk}"},
    )
    grant = ObjectGrant.objects.get()

    page = text_of(client.get("/team/grants/"))
    client.post(f"/team/grants/{grant.pk}/take/")

    assert "vera@example.com" in page
    assert "Checkout" in page
    assert not ObjectGrant.objects.exists()


def test_what_does_not_fit_together_is_refused_in_the_form(portal_as, organization, adam, vera):
    key = ApiKeyFactory.create(organization=organization)

    page = portal_as(adam).post(
        "/team/grants/",
        {"email": "vera@example.com", "permission": "billing:read", "on": f"api_key:{key.pk}"},
    )

    assert "On this kind of object can be given: keys:read, keys:write." in text_of(page)
    assert not ObjectGrant.objects.exists()


def test_anybody_of_many_members_can_be_given_a_permission_and_nobody_else(
    portal_as, organization, olivia, stan, monkeypatch
):
    monkeypatch.setattr("organizations.forms.rights.MAX_OFFERED", 2)
    last = MemberFactory.create(organization=organization, user__email="zoe@example.com").user
    MemberFactory.create_batch(3, organization=organization)
    key = ApiKeyFactory.create(organization=organization)
    client = portal_as(olivia)

    def give(email):
        asked = {"email": email, "permission": "keys:write", "on": f"api_key:{key.pk}"}
        return client.post("/team/grants/", asked)

    refused = [text_of(give(email)) for email in (stan.email, "nobody@example.com")]
    given = give(" Zoe@EXAMPLE.com ")

    assert ["No member has this address." in page for page in refused] == [True, True]
    assert given.status_code == 302
    assert [grant.user_id for grant in ObjectGrant.objects.all()] == [last.pk]
    suggested = re.search(
        r'<datalist id="members">(.*?)</datalist>', text_of(client.get("/team/grants/"))
    )
    assert suggested[1].count("<option ") == 2


def test_grants_are_paged(portal_as, organization, olivia, vera, monkeypatch):
    monkeypatch.setattr("organizations.views.rights._PAGE_SIZE", 2)
    tenant = access.tenant_of(olivia)
    for number in range(3):
        key = ApiKeyFactory.create(organization=organization, name=f"Key {number}")
        grants.give(
            tenant=tenant,
            user_id=vera.pk,
            permission="keys:write",
            kind="api_key",
            object_id=key.pk,
        )
    client = portal_as(olivia)

    first = client.get("/team/grants/")
    second = client.get(f"/team/grants/{first.context['page']['next_url']}")

    assert [[one.name for one in page.context["grants"]] for page in (first, second)] == [
        [str(ApiKey.objects.get(name=name)) for name in names]
        for names in (("Key 2", "Key 1"), ("Key 0",))
    ]
    assert second.context["page"]["next_url"] is None


def test_the_policy_is_saved(portal_as, organization, adam):
    response = portal_as(adam).post(
        "/organization/security/",
        {
            "console_networks": "127.0.0.1\n10.0.0.0/8",
            "max_key_age_days": "90",
            "allowed_scopes": "orders:*, users:read",
        },
    )

    assert response.status_code == 302
    organization.refresh_from_db()
    assert organization.console_networks == ["127.0.0.1/32", "10.0.0.0/8"]
    assert organization.allowed_scopes == ["orders:*", "users:read"]
    assert (organization.max_key_age_days, organization.requires_two_factor) == (90, False)


def test_a_policy_that_locks_out_is_refused_in_the_form(portal_as, organization, adam):
    page = portal_as(adam).post("/organization/security/", {"console_networks": "203.0.113.0/24"})

    assert "not in the list" in text_of(page)
    assert Organization.objects.get(pk=organization.pk).console_networks == []


def test_an_owner_hands_over(portal_as, organization, olivia, adam):
    response = portal_as(olivia).post("/organization/transfer/", {"user_id": adam.pk})

    assert response.status_code == 302
    roles = dict(organization.members.values_list("user_id", "role"))
    assert roles == {olivia.pk: Role.ADMIN, adam.pk: Role.OWNER}


def test_an_owner_closes_by_writing_the_name(portal_as, organization, olivia):
    client = portal_as(olivia)

    refused = client.post("/organization/close/", {"name": "Acme"})
    assert "exactly like this" in text_of(refused)
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"
    closed = client.post("/organization/close/", {"name": organization.name}, follow=True)

    assert closed.status_code == 200
    assert Organization.objects.get(pk=organization.pk).status == "CLOSED"
    assert client.get("/team/").headers["Location"] == "/organizations/switch/"


@pytest.mark.parametrize("path", OF_OWNERS)
def test_handing_over_and_closing_take_a_fresh_proof(portal_as, organization, olivia, adam, path):
    client = portal_as(olivia)
    grow_old(olivia)

    response = client.post(path, {"user_id": adam.pk, "name": organization.name})

    assert response.headers["Location"].startswith("/confirm/")
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"
    assert OrganizationMember.objects.get(user=olivia).role == "OWNER"


def test_pages_ask_who_makes_an_owner_for_a_proof_and_come_back(
    portal_as, organization, olivia, mia
):
    client = portal_as(olivia)
    grow_old(olivia)

    made = client.post(f"/team/{mia.pk}/role/", {"role": "OWNER"})
    invited = invite(client, role="OWNER")
    other = client.post(f"/team/{mia.pk}/role/", {"role": "ADMIN"})

    assert (made.status_code, made["Location"]) == (302, "/confirm/?next=%2Fteam%2F")
    assert (invited.status_code, invited["Location"]) == (
        302,
        "/confirm/?next=%2Fteam%2Finvite%2F",
    )
    assert other["Location"] == "/team/"
    assert OrganizationMember.objects.get(user=mia).role == "ADMIN"
    assert not OrganizationInvitation.objects.exists()
