"""Listing keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import KeyActivity
from apikeys.services import keys
from billing.services import subscriptions
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/api-keys"


def names(answer):
    """Return the names of the listed keys."""
    assert answer.status_code == 200
    return [row["name"] for row in answer.json()["data"]]


def in_every_state(organization):
    """Make a key in each state, the active one last."""
    at = timezone.now()
    made = {
        name: ApiKeyFactory.create(organization=organization, name=name)
        for name in ("revoked", "expired", "disabled", "expiring", "active")
    }
    keys.revoke_key(key=made["revoked"], at=at)
    keys.update_key(key=made["disabled"], settings={"enabled": False}, at=at)
    keys.update_key(key=made["expiring"], settings={"expires_at": at + timedelta(days=3)}, at=at)
    ended = made["expired"]
    ended.expires_at = at - timedelta(seconds=1)
    ended.save(update_fields=["expires_at"])
    return made


def test_shows_the_newest_first(api_as, vera, organization):
    ApiKeyFactory.create_batch(3, organization=organization)

    answer = api_as(vera).get(PATH)

    ids = [row["id"] for row in answer.json()["data"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3


def test_never_shows_another_organizations_keys(api_as, stan, foreign_organization, key):
    ApiKeyFactory.create(organization=foreign_organization, name="Stan's")

    assert names(api_as(stan).get(PATH)) == ["Stan's"]


def test_shows_no_secret_and_no_digest(api_as, olivia, key):
    row = api_as(olivia).get(PATH).json()["data"][0]

    assert set(row) == {
        "id", "name", "description", "environment", "prefix", "last4", "status", "enabled", "scopes", "rate",
        "quota", "credits", "ip_allowlist", "allowed_origins", "metadata", "external_id", "created_by",
        "created_at", "updated_at", "expires_at", "revoked_at", "last_used_at", "is_outdated",
    }  # fmt: skip


def test_shows_when_a_key_was_last_used(api_as, olivia, key, clock):
    at = timezone.now()
    KeyActivity.objects.create(
        api_key=key, first_used_at=at, last_used_at=at, last_ip="203.0.113.9"
    )

    row = api_as(olivia).get(PATH).json()["data"][0]

    assert row["last_used_at"] == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", ["active", "expiring"]),
        ("expiring", ["expiring"]),
        ("disabled", ["disabled"]),
        ("expired", ["expired"]),
        ("revoked", ["revoked"]),
    ],
)
def test_filters_by_status(api_as, olivia, organization, status, expected):
    in_every_state(organization)

    answer = api_as(olivia).get(PATH, {"status": status})

    assert names(answer) == expected
    shown = {row["status"] for row in answer.json()["data"]}
    assert shown == {"active" if status == "expiring" else status}


def test_filters_by_environment_and_external_id(api_as, olivia, organization):
    ApiKeyFactory.create(organization=organization, name="live", external_id="c-1")
    ApiKeyFactory.create(
        organization=organization, name="test", external_id="c-1", environment="test"
    )
    api = api_as(olivia)

    assert names(api.get(PATH, {"environment": "test"})) == ["test"]
    assert names(api.get(PATH, {"external_id": "c-1"})) == ["test", "live"]
    assert names(api.get(PATH, {"external_id": "c-1", "environment": "live"})) == ["live"]


def test_searches_names_prefixes_and_last_characters(api_as, olivia, organization):
    key = ApiKeyFactory.create(organization=organization, name="Checkout 100%")
    ApiKeyFactory.create(organization=organization, name="Search", environment="test")
    api = api_as(olivia)

    assert names(api.get(PATH, {"q": "checkOUT"})) == ["Checkout 100%"]
    assert names(api.get(PATH, {"q": "0%"})) == ["Checkout 100%"]
    assert names(api.get(PATH, {"q": key.prefix})) == ["Checkout 100%"]
    assert names(api.get(PATH, {"q": key.last4})) == ["Checkout 100%"]
    assert names(api.get(PATH, {"q": "_%_"})) == []


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("sort=name", "#/sort", "unknown_member"),
        ("Status=active", "#/Status", "unknown_member"),
        ("status=gone", "#/status", "invalid_choice"),
        ("environment=prod", "#/environment", "invalid_choice"),
        ("q=%00", "#/q", "nul_character"),
        ("status=active&status=revoked", "#/status", "repeated"),
        ("limit=0", "#/limit", "limit"),
        ("limit=201", "#/limit", "limit"),
        ("cursor=forged", "#/cursor", "cursor"),
    ],
)
def test_refuses_parameters_it_does_not_know(api_as, olivia, query, pointer, code):
    answer = api_as(olivia).get(f"{PATH}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert [
        (fault["pointer"], fault["location"], fault["code"]) for fault in answer.json()["errors"]
    ] == [(pointer, "query", code)]


def test_pages_through_all_rows_once(api_as, olivia, organization):
    made = ApiKeyFactory.create_batch(7, organization=organization)
    api = api_as(olivia)
    seen, cursor = [], None

    while True:
        answer = api.get(PATH, {"limit": 3} | ({"cursor": cursor} if cursor else {}))
        seen += [row["id"] for row in answer.json()["data"]]
        cursor = answer.json()["next_cursor"]
        assert answer.json()["has_more"] is (cursor is not None)
        if cursor is None:
            break

    assert seen == [key.pk for key in reversed(made)]


def test_a_cursor_belongs_to_its_filters(api_as, olivia, organization):
    ApiKeyFactory.create_batch(3, organization=organization)
    api = api_as(olivia)
    cursor = api.get(PATH, {"limit": 1}).json()["next_cursor"]

    answer = api.get(PATH, {"limit": 1, "cursor": cursor, "environment": "live"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/cursor"


def test_takes_as_many_queries_for_twenty_rows_as_for_one(
    api_as, olivia, organization, django_assert_num_queries
):
    subscriptions.change_plan(organization=organization, plan_code="BASIC")
    api = api_as(olivia)
    ApiKeyFactory.create(organization=organization)
    with django_assert_num_queries(3):  # who asks, in which organization, the rows
        assert len(api.get(PATH).json()["data"]) == 1
    ApiKeyFactory.create_batch(19, organization=organization)

    with django_assert_num_queries(3):
        assert len(api.get(PATH).json()["data"]) == 20


def test_needs_a_signed_in_member(api, api_as, stan, organization, key):
    assert api.get(PATH).status_code == 401
    foreign = api_as(stan).get(PATH, headers={"X-Organization-Id": str(organization.pk)})
    assert foreign.status_code == 404


def test_a_method_of_single_keys_is_refused_whatever_the_organization(api_as, olivia):
    answer = api_as(olivia).patch(
        "/api/v1/api-keys", {"name": "New"}, headers={"X-Organization-Id": "999999"}
    )

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
