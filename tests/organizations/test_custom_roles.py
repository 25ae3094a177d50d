"""Custom roles: permissions of the catalogue, never more than one's own, and always somebody's defined right."""

from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from audit.models import AuditLog
from config.common.errors import DomainError
from organizations import access
from organizations.models import CustomRole, Organization, OrganizationMember, Role
from organizations.roles import GRANTS, Permission, RoleName
from organizations.services import custom_roles, members
from tests.factories.organizations import MemberFactory
from tests.race import at_once

pytestmark = pytest.mark.django_db
STAFF_OF = {"name": "Key keeper", "permissions": ["keys:read", "keys:write"]}


def url(organization, *rest):
    return "/".join((f"/api/v1/organizations/{organization.pk}/roles", *map(str, rest)))


def member_url(organization, user):
    return f"/api/v1/organizations/{organization.pk}/members/{user.pk}"


@pytest.fixture
def accountant(organization, olivia):
    """Return a role made by the owner."""
    return custom_roles.create_role(
        tenant=access.tenant_of(olivia),
        name="Accountant",
        permissions=["billing:read", "billing:write"],
    )


def give(organization, user, role):
    tenant = access.on_behalf_of(organization)
    return members.change_role(tenant=tenant, user_id=user.pk, custom_role_id=role.pk)


def held(user, organization):
    return sorted(access.tenant_of(user, organization.pk).held)


def test_a_role_is_made_of_permissions(api_as, organization, olivia, told):
    client = api_as(olivia)
    told()

    response = client.post(url(organization), {**STAFF_OF, "description": "Keeps keys."})

    assert response.status_code == 201
    body = response.json()
    assert body["permissions"] == ["keys:read", "keys:write", "organization:read"]
    assert (body["name"], body["holders"]) == ("Key keeper", 0)
    assert client.get(url(organization, body["id"])).json() == body
    assert client.get(url(organization)).json()["data"] == [body]
    assert told() == ["role.created"]


@pytest.mark.parametrize("permission", sorted(GRANTS[RoleName.OWNER] - GRANTS[RoleName.ADMIN]))
def test_nobody_puts_more_into_a_role_than_they_have(api_as, organization, adam, permission):
    refused = api_as(adam).post(
        url(organization), {"name": "Boss", "permissions": ["keys:read", permission]}
    )

    assert (refused.status_code, refused.json()["permission"]) == (403, permission)
    assert not CustomRole.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "X", "permissions": ["keys:eat"]}, "#/permissions/0"),
        ({"name": "X", "permissions": "keys:read"}, "#/permissions"),
        ({"name": "", "permissions": []}, "#/name"),
        ({"permissions": []}, "#/name"),
        ({"name": "X"}, "#/permissions"),
        ({"name": "X", "permissions": [], "organization_id": 1}, "#/organization_id"),
    ],
)
def test_what_is_no_role_is_refused(api_as, organization, olivia, body, pointer):
    refused = api_as(olivia).post(url(organization), body)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
    assert not CustomRole.objects.exists()


@pytest.mark.parametrize("name", ["accountant", "  ACCOUNTANT ", "owner", "Viewer"])
def test_a_name_is_taken_once(api_as, organization, olivia, accountant, name):
    refused = api_as(olivia).post(url(organization), {"name": name, "permissions": []})

    assert (refused.status_code, refused.json()["code"]) == (409, "role_name_taken")
    assert CustomRole.objects.count() == 1


def test_the_holder_may_what_the_role_says_and_nothing_else(
    api_as, organization, olivia, vera, accountant, told
):
    client = api_as(olivia)
    told()

    response = client.patch(member_url(organization, vera), {"custom_role_id": accountant.pk})

    assert response.status_code == 200
    assert response.json()["role"] == "VIEWER"
    assert response.json()["custom_role"] == {"id": accountant.pk, "name": "Accountant"}
    assert held(vera, organization) == ["billing:read", "billing:write", "organization:read"]
    theirs = api_as(vera)
    paths = (
        "/api/v1/api-keys",
        f"/api/v1/organizations/{organization.pk}",
        f"/api/v1/organizations/{organization.pk}/members",
    )
    assert [theirs.get(path).status_code for path in paths] == [403, 200, 403]
    assert told()[0] == "member.role_changed"
    entry = AuditLog.objects.get(event="member.role_changed")
    assert entry.old_values == {"role": "VIEWER"}
    assert entry.new_values == {"role": "VIEWER", "custom_role_id": accountant.pk}


def test_a_changed_role_holds_for_the_next_request(api_as, organization, olivia, vera, accountant):
    give(organization, vera, accountant)
    theirs, client = api_as(vera), api_as(olivia)
    assert theirs.get("/api/v1/api-keys").status_code == 403

    client.patch(url(organization, accountant.pk), {"permissions": ["keys:read"]})
    after = theirs.get("/api/v1/api-keys").status_code
    client.patch(url(organization, accountant.pk), {"permissions": ["usage:read"]})

    assert (after, theirs.get("/api/v1/api-keys").status_code) == (200, 403)
    assert held(vera, organization) == ["organization:read", "usage:read"]


def test_what_one_has_not_one_does_not_change_either(api_as, organization, olivia, adam, mia):
    boss = custom_roles.create_role(
        tenant=access.tenant_of(olivia), name="Closer", permissions=["organization:close"]
    )
    give(organization, mia, boss)
    client = api_as(adam)

    got = [
        client.patch(url(organization, boss.pk), {"permissions": []}).status_code,
        client.delete(url(organization, boss.pk) + "?replacement=VIEWER").status_code,
        client.patch(member_url(organization, mia), {"role": "VIEWER"}).status_code,
        client.delete(member_url(organization, mia)).status_code,
    ]

    assert got == [403, 403, 403, 403]
    assert held(mia, organization) == ["organization:close", "organization:read"]


def test_a_holder_who_may_manage_members_gives_no_more_than_they_have(
    api_as, organization, olivia, mia, vera, accountant
):
    recruiter = custom_roles.create_role(
        tenant=access.tenant_of(olivia),
        name="Recruiter",
        permissions=["members:read", "members:write", "roles:write"],
    )
    give(organization, mia, recruiter)
    client = api_as(mia)
    before = OrganizationMember.objects.get(user=vera).role

    got = [
        client.patch(member_url(organization, vera), {"role": "ADMIN"}).status_code,
        client.patch(member_url(organization, mia), {"role": "ADMIN"}).status_code,
        client.patch(member_url(organization, mia), {"role": "OWNER"}).status_code,
        client.patch(member_url(organization, mia), {"custom_role_id": accountant.pk}).status_code,
        client.patch(url(organization, recruiter.pk), {"permissions": ["keys:write"]}).status_code,
        client.post(
            f"/api/v1/organizations/{organization.pk}/invitations",
            {"email": "friend@example.com", "role": "VIEWER"},
        ).status_code,
        client.post(
            f"/api/v1/organizations/{organization.pk}/transfer-ownership", {"user_id": vera.pk}
        ).status_code,
        client.post(
            f"/api/v1/organizations/{organization.pk}/invitations",
            {"email": "friend@example.com", "custom_role_id": recruiter.pk},
        ).status_code,
    ]

    assert got == [403] * 7 + [201]
    assert OrganizationMember.objects.get(user=vera).role == before
    assert OrganizationMember.objects.get(user=mia).custom_role == recruiter


def test_a_role_that_is_held_goes_only_with_a_replacement(
    api_as, organization, olivia, vera, accountant, told
):
    give(organization, vera, accountant)
    client = api_as(olivia)
    told()

    refused = client.delete(url(organization, accountant.pk))
    deleted = client.delete(url(organization, accountant.pk) + "?replacement=MEMBER")

    assert (refused.status_code, refused.json()["code"]) == (409, "role_in_use")
    assert deleted.status_code == 204
    member = OrganizationMember.objects.get(user=vera)
    assert (member.role, member.custom_role) == ("MEMBER", None)
    assert told() == ["member.role_changed", "role.deleted"]


def test_who_waits_for_a_deleted_role_gets_the_replacement(
    api_as, organization, olivia, accountant
):
    client = api_as(olivia)
    client.post(
        f"/api/v1/organizations/{organization.pk}/invitations",
        {"email": "nora@example.com", "custom_role_id": accountant.pk},
    )

    refused = client.delete(url(organization, accountant.pk))
    other = client.post(url(organization), STAFF_OF).json()
    deleted = client.delete(url(organization, accountant.pk) + f"?replacement_id={other['id']}")

    assert (refused.status_code, deleted.status_code) == (409, 204)
    invitation = organization.invitations.get()
    assert (invitation.role, invitation.custom_role_id) == ("VIEWER", other["id"])


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("replacement_id={itself}", ("#/replacement_id", "unknown")),
        ("replacement_id={foreign}", ("#/replacement_id", "unknown")),
        ("replacement_id=8000000000", ("#/replacement_id", "unknown")),
        ("replacement=VIEWER&replacement_id={itself}", ("#/replacement", "either")),
    ],
)
def test_a_replacement_is_another_role_of_the_organization(
    api_as, organization, olivia, vera, stan, accountant, named, fault
):
    give(organization, vera, accountant)
    theirs = custom_roles.create_role(
        tenant=access.tenant_of(stan), name="Theirs", permissions=["keys:read"]
    )
    query = named.format(itself=accountant.pk, foreign=theirs.pk)

    refused = api_as(olivia).delete(f"{url(organization, accountant.pk)}?{query}")

    assert refused.status_code == 400
    (told,) = refused.json()["errors"]
    assert (told["pointer"], told["code"]) == fault
    assert told["location"] == "query"
    assert OrganizationMember.objects.get(user=vera).custom_role == accountant


def test_another_organizations_role_is_unknown(
    api_as, organization, foreign_organization, olivia, vera, stan
):
    theirs = custom_roles.create_role(
        tenant=access.tenant_of(stan), name="Theirs", permissions=["keys:read"]
    )
    client = api_as(olivia)

    given = client.patch(member_url(organization, vera), {"custom_role_id": theirs.pk})

    assert given.status_code == 400
    assert given.json()["errors"][0]["pointer"] == "#/custom_role_id"
    assert client.get(url(organization, theirs.pk)).status_code == 404
    assert OrganizationMember.objects.get(user=vera).custom_role is None


def test_the_database_keeps_roles_at_home(organization, foreign_organization, vera, stan):
    theirs = custom_roles.create_role(
        tenant=access.tenant_of(stan), name="Theirs", permissions=["keys:read"]
    )

    def move():
        OrganizationMember.objects.filter(user=vera).update(custom_role=theirs)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="member_custom_role_at_home"), transaction.atomic():
        move()


def test_a_permission_that_the_catalogue_forgot_grants_nothing(organization, vera, accountant):
    give(organization, vera, accountant)
    CustomRole.objects.update(permissions=["organization:read", "keys:eat"])

    assert access.tenant_of(vera).held == {Permission.ORGANIZATION_READ}


@pytest.mark.parametrize("role", Role.values)
def test_the_four_built_in_roles_are_no_rows(api_as, organization, olivia, role):
    assert api_as(olivia).patch(url(organization, role), {"permissions": []}).status_code == 404
    assert not CustomRole.objects.exists()


def test_at_most_so_many(api_as, organization, olivia, accountant, monkeypatch):
    monkeypatch.setattr(custom_roles, "MAX_ROLES", 1)

    refused = api_as(olivia).post(url(organization), STAFF_OF)

    assert (refused.status_code, refused.json()["code"]) == (409, "role_limit_reached")


@pytest.mark.django_db(transaction=True)
def test_giving_a_role_that_is_being_deleted_leaves_nobody_without(organization, olivia):
    vera = MemberFactory.create(organization=organization, role=Role.VIEWER).user
    Organization.objects.filter(pk=organization.pk).update(seat_limit=None)
    tenant = access.tenant_of(olivia)
    for number in range(5):
        role = custom_roles.create_role(
            tenant=tenant, name=f"Role {number}", permissions=["keys:read"]
        )

        outcomes = at_once(
            partial(members.change_role, tenant=tenant, user_id=vera.pk, custom_role_id=role.pk),
            partial(custom_roles.delete_role, tenant=tenant, role_id=role.pk),
        )

        assert sum(isinstance(outcome, DomainError) for outcome in outcomes) == 1
        member = OrganizationMember.objects.get(user=vera)
        left = CustomRole.objects.filter(pk=role.pk).values_list("pk", flat=True).first()
        assert member.custom_role_id == left
        members.change_role(tenant=tenant, user_id=vera.pk, role=Role.VIEWER)
