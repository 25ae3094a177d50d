"""Keys for Tollgate's own API: nobody gives one more than they may do themselves, or gets hold of one that may more."""

import pytest
from django.utils import timezone

from apikeys.models import ApiKey, Secret
from apikeys.services import keys
from organizations import access
from organizations.services import custom_roles, grants, members
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/api-keys"


@pytest.fixture
def keeper(organization, mia):
    """Return Mia, who may do nothing but keep keys."""
    staff = access.on_behalf_of(organization)
    role = custom_roles.create_role(
        tenant=staff, name="Keeper", permissions=["keys:read", "keys:write"]
    )
    members.change_role(tenant=staff, user_id=mia.pk, custom_role_id=role.pk)
    return mia


def left_alone():
    """Return all that a refusal must leave as it is."""
    rows = (ApiKey.objects.order_by("pk"), Secret.objects.order_by("pk"))
    return [list(found.values()) for found in rows]


def faults(answer):
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


@pytest.mark.parametrize(
    "scope", ["tollgate:*", "tollgate:billing:read", "tollgate:billing:*", "tollgate:*:read"]
)
def test_members_open_no_billing_with_a_key(api_as, mia, scope):
    answer = api_as(mia).post(PATH, {"name": "Mine", "scopes": ["orders:read", scope]})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["permission"] == "billing:read"
    assert faults(answer) == [("#/scopes/1", "not_held")]
    assert not ApiKey.objects.exists()


def test_members_open_what_they_may_do(api_as, mia):
    scopes = ["*", "orders:*", "tollgate:usage:read", "tollgate:webhooks:*"]

    answer = api_as(mia).post(PATH, {"name": "Mine", "scopes": scopes})

    assert (answer.status_code, answer.json()["scopes"]) == (201, scopes)


@pytest.mark.parametrize("scope", ["webhooks:write", "webhooks:read", "members:read", "usage:read"])
def test_who_keeps_keys_only_opens_nothing_else(api_as, keeper, scope):
    answer = api_as(keeper).post(PATH, {"name": "Mine", "scopes": [f"tollgate:{scope}"]})

    assert (answer.status_code, answer.json()["permission"]) == (403, scope)
    assert not ApiKey.objects.exists()


def test_owners_open_everything(api_as, olivia):
    answer = api_as(olivia).post(PATH, {"name": "All", "scopes": ["tollgate:*"]})

    assert answer.status_code == 201


def test_a_key_that_may_more_is_rotated_by_who_may_as_much(api_as, mia, olivia, organization):
    key = ApiKeyFactory.create(organization=organization, scopes=["tollgate:*"])
    before = left_alone()

    refused = api_as(mia).post(f"{PATH}/{key.pk}/rotate", {})
    assert (refused.status_code, refused.json()["permission"]) == (403, "billing:read")
    assert left_alone() == before

    assert api_as(olivia).post(f"{PATH}/{key.pk}/rotate", {}).status_code == 200


def test_a_key_that_may_more_is_changed_and_narrowed_but_not_widened(api_as, keeper, organization):
    api = api_as(keeper)
    scopes = ["tollgate:usage:read", "tollgate:billing:read"]
    key = ApiKeyFactory.create(organization=organization, scopes=scopes)

    renamed = api.patch(f"{PATH}/{key.pk}", {"name": "Other", "scopes": scopes})
    widened = api.patch(f"{PATH}/{key.pk}", {"scopes": [*scopes, "tollgate:webhooks:write"]})
    narrowed = api.patch(f"{PATH}/{key.pk}", {"scopes": scopes[:1]})
    again = api.patch(f"{PATH}/{key.pk}", {"scopes": scopes})

    answers = [one.status_code for one in (renamed, widened, narrowed, again)]
    assert answers == [200, 403, 200, 403]
    assert faults(widened) == [("#/scopes/2", "not_held")]
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("Other", scopes[:1])


def test_who_was_given_one_key_makes_no_more_of_it(api_as, olivia, vera, organization):
    key = ApiKeyFactory.create(organization=organization)
    grants.give(
        tenant=access.tenant_of(olivia),
        user_id=vera.pk,
        permission="keys:write",
        kind="api_key",
        object_id=key.pk,
    )

    opened = api_as(vera).patch(f"{PATH}/{key.pk}", {"scopes": ["tollgate:webhooks:write"]})
    own = api_as(vera).patch(f"{PATH}/{key.pk}", {"scopes": ["tollgate:usage:read"]})

    assert (opened.status_code, opened.json()["permission"]) == (403, "webhooks:write")
    assert own.status_code == 200


def test_the_page_says_so_at_the_field(portal_as, mia):
    form = {"name": "Mine", "environment": "live", "scopes": "tollgate:*"}

    page = portal_as(mia).post("/keys/create/", form)

    assert page.status_code == 200
    assert "opens billing:read" in page.context["form"].errors["scopes"][0]
    assert not ApiKey.objects.exists()


def test_operators_are_asked_nothing(organization):
    key, _ = keys.create_key(
        organization=organization,
        created_by=None,
        settings={"name": "All", "environment": "live", "scopes": ["tollgate:*"]},
        at=timezone.now(),
    )

    assert key.scopes == ["tollgate:*"]
