"""A permission on one object beyond the role: given, used through every door, taken away, and gone with its holder."""

import pytest

from apikeys.models import ApiKey
from audit.models import AuditLog
from organizations import access
from organizations.models import ObjectGrant, Role
from organizations.services import grants, members
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.webhooks import WebhookFactory

pytestmark = pytest.mark.django_db


def url(organization, *rest):
    return "/".join((f"/api/v1/organizations/{organization.pk}/grants", *map(str, rest)))


@pytest.fixture
def key(organization, olivia):
    """Return a key of Olivia's organization."""
    return ApiKeyFactory.create(organization=organization, created_by=olivia)


def give(client, organization, user, row, permission="keys:write", kind="api_key"):
    body = {"user_id": user.pk, "permission": permission, "kind": kind, "object_id": row.pk}
    return client.post(url(organization), body)


def test_a_grant_opens_one_key_and_no_other(api_as, portal_as, organization, adam, vera, key, told):
    other = ApiKeyFactory.create(organization=organization)
    client, theirs, page = api_as(adam), api_as(vera), portal_as(vera)
    told()

    response = give(client, organization, vera, key)

    assert response.status_code == 201
    assert response.json()["user"]["id"] == vera.pk
    assert (response.json()["permission"], response.json()["kind"]) == ("keys:write", "api_key")
    assert response.json()["object_id"] == key.pk
    assert told() == ["grant.added"]
    for one, status in ((key, 200), (other, 403)):
        assert theirs.patch(f"/api/v1/api-keys/{one.pk}", {"name": "New"}).status_code == status
        assert page.get(f"/keys/{one.pk}/edit/").status_code == status
        assert theirs.post(f"/api/v1/api-keys/{one.pk}/rotate", {}).status_code == status
    assert theirs.post("/api/v1/api-keys", {"name": "Mine"}).status_code == 403
    assert "Rotate" in page.get(f"/keys/{key.pk}/").content.decode()
    assert "Rotate" not in page.get(f"/keys/{other.pk}/").content.decode()


def test_the_organization_as_a_whole_is_an_object_too(api_as, organization, adam, vera):
    theirs = api_as(vera)
    assert theirs.get("/api/v1/audit/security-events").status_code == 403

    given = give(api_as(adam), organization, vera, organization, "audit:read", "organization")

    assert given.status_code == 201
    assert theirs.get("/api/v1/audit/security-events").status_code == 200
    assert "audit:read" in access.tenant_of(vera).held
    assert "keys:write" not in access.tenant_of(vera).held


def test_a_grant_opens_one_webhook_and_no_other(api_as, portal_as, organization, adam, vera):
    one, other = (WebhookFactory.create(organization=organization) for _ in range(2))
    theirs, page = api_as(vera), portal_as(vera)

    given = give(api_as(adam), organization, vera, one, "webhooks:write", "webhook")

    assert given.status_code == 201
    for row, status in ((one, 200), (other, 403)):
        changed = theirs.patch(f"/api/v1/webhooks/{row.pk}", {"description": "New"})
        assert changed.status_code == status
        assert page.get(f"/webhooks/{row.pk}/edit/").status_code == status
        assert page.get(f"/webhooks/{row.pk}/").status_code == 200


def test_guardian_itself_agrees(organization, adam, vera, key):
    grants.give(
        tenant=access.tenant_of(adam),
        user_id=vera.pk,
        permission="keys:write",
        kind="api_key",
        object_id=key.pk,
    )

    assert vera.has_perm("apikeys.change_apikey", key)
    assert not vera.has_perm("apikeys.delete_apikey", key)
    assert not vera.has_perm("apikeys.change_apikey")


def test_a_grant_that_is_taken_away_is_gone_for_the_next_request(
    api_as, organization, adam, vera, key, told
):
    client, theirs = api_as(adam), api_as(vera)
    made = give(client, organization, vera, key).json()
    told()

    response = client.delete(url(organization, made["id"]))

    assert response.status_code == 204
    assert told() == ["grant.removed"]
    assert theirs.patch(f"/api/v1/api-keys/{key.pk}", {"name": "New"}).status_code == 403
    assert client.delete(url(organization, made["id"])).status_code == 404
    entry = AuditLog.objects.get(event="grant.removed")
    assert entry.actor_id == adam.pk


@pytest.mark.parametrize("how", ["removed", "left"])
def test_grants_go_with_their_holder(api_as, organization, adam, vera, key, how):
    give(api_as(adam), organization, vera, key)
    tenant = access.tenant_of(adam if how == "removed" else vera)

    members.remove_member(tenant=tenant, user_id=vera.pk)
    members.add_member(organization=organization, user=vera, role=Role.VIEWER)

    assert not ObjectGrant.objects.exists()
    assert api_as(vera).patch(f"/api/v1/api-keys/{key.pk}", {"name": "N"}).status_code == 403


def test_the_same_grant_twice_is_one(api_as, organization, adam, vera, key, told):
    client = api_as(adam)
    first = give(client, organization, vera, key).json()
    told()

    again = give(client, organization, vera, key)

    assert (again.status_code, again.json()) == (201, first)
    assert (ObjectGrant.objects.count(), told()) == (1, [])


@pytest.mark.parametrize(("who", "status"), [("mia", 403), ("vera", 403), ("stan", 404)])
def test_who_may_not_manage_members_gives_nothing(
    request, api_as, organization, key, vera, who, status
):
    client = api_as(request.getfixturevalue(who))

    assert give(client, organization, vera, key).status_code == status
    assert not ObjectGrant.objects.exists()


def test_nobody_gives_to_themselves_what_would_outlast_their_role(
    api_as, portal_as, organization, adam, key
):
    refused = give(api_as(adam), organization, adam, key)
    asked = {"email": adam.email, "permission": "keys:write", "on": f"api_key:{key.pk}"}
    page = portal_as(adam).post("/team/grants/", asked)

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "Nobody gives a permission to themselves." in page.content.decode()
    assert not ObjectGrant.objects.exists()


def test_nobody_touches_who_was_granted_more_than_they_have(
    api_as, organization, olivia, adam, vera, key
):
    give(api_as(olivia), organization, vera, organization, "owners:write", "organization")
    client, place = api_as(adam), f"/api/v1/organizations/{organization.pk}/members/{vera.pk}"

    got = [
        client.delete(place),
        client.patch(place, {"role": "MEMBER"}),
        give(client, organization, vera, key),
    ]

    assert [(one.status_code, one.json()["permission"]) for one in got] == [
        (403, "owners:write")
    ] * 3
    assert organization.members.get(user=vera).role == Role.VIEWER
    assert ObjectGrant.objects.count() == 1


def test_nobody_gives_what_they_have_not(api_as, organization, adam, vera):
    refused = give(
        api_as(adam), organization, vera, organization, "organization:close", "organization"
    )

    assert (refused.status_code, refused.json()["permission"]) == (403, "organization:close")
    assert not ObjectGrant.objects.exists()


def test_a_foreign_key_or_person_is_missing(
    api_as, organization, foreign_organization, adam, vera, stan, key
):
    foreign = ApiKeyFactory.create(organization=foreign_organization)
    client = api_as(adam)

    got = [
        give(client, organization, vera, foreign),
        give(client, organization, stan, key),
        give(client, organization, vera, foreign_organization, "audit:read", "organization"),
    ]

    assert [one.status_code for one in got] == [404, 404, 404]
    assert not ObjectGrant.objects.exists()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "invoice"}, "#/kind"),
        ({"permission": "keys:eat"}, "#/permission"),
        ({"permission": "billing:read"}, "#/permission"),
    ],
)
def test_what_cannot_be_given_is_refused(api_as, organization, adam, vera, key, change, pointer):
    body = {"user_id": vera.pk, "permission": "keys:read", "kind": "api_key", "object_id": key.pk}

    refused = api_as(adam).post(url(organization), {**body, **change})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
    assert not ObjectGrant.objects.exists()


def test_a_grant_in_one_organization_opens_nothing_in_another(
    api_as, organization, foreign_organization, adam, stan, key
):
    """Who belongs to both and acts in the other one finds the key missing, as everybody there does."""
    members.add_member(organization=organization, user=stan, role=Role.VIEWER)
    give(api_as(adam), organization, stan, key)
    headers = {"X-Organization-Id": str(foreign_organization.pk)}

    answer = api_as(stan).patch(f"/api/v1/api-keys/{key.pk}", {"name": "N"}, headers=headers)

    assert answer.status_code == 404
    assert ApiKey.objects.get(pk=key.pk).name == key.name


def test_grants_on_what_is_deleted_are_forgotten(api_as, organization, adam, vera, key):
    client, webhook = api_as(adam), WebhookFactory.create(organization=organization)
    give(client, organization, vera, key)
    give(client, organization, vera, webhook, "webhooks:write", "webhook")

    assert client.delete(f"/api/v1/webhooks/{webhook.pk}").status_code == 204

    assert [grant.object_pk for grant in ObjectGrant.objects.all()] == [str(key.pk)]
