"""Reading organizations: one's own, with one's role, and nothing about others."""

import pytest

from organizations.models import Organization
from tests.factories.organizations import MemberFactory, OrganizationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/organizations"


def test_lists_those_one_belongs_to_the_last_joined_first(
    api_as, organization, olivia, foreign_organization
):
    second = OrganizationFactory.create(owner=olivia)
    third = OrganizationFactory.create()
    MemberFactory.create(organization=third, user=olivia, role="VIEWER")

    body = api_as(olivia).get(URL).json()

    assert [(row["id"], row["role"], row["is_personal"]) for row in body["data"]] == [
        (third.pk, "VIEWER", False),
        (second.pk, "OWNER", False),
        (organization.pk, "OWNER", True),
    ]
    assert (body["has_more"], body["next_cursor"], body["prev_cursor"]) == (False, None, None)


@pytest.mark.parametrize("person", ["olivia", "adam", "mia", "vera"])
def test_every_member_reads_it(request, api_as, organization, person):
    client = api_as(request.getfixturevalue(person))

    body = client.get(f"{URL}/{organization.pk}").json()

    assert (body["id"], body["name"]) == (organization.pk, "Olivia's organization")


def test_billing_details_are_for_those_who_may_read_them(api_as, organization, adam, mia):
    url = f"{URL}/{organization.pk}"

    assert api_as(adam).get(url).json()["billing"]["email"] == "olivia@example.com"
    assert api_as(mia).get(url).json()["billing"] is None
    assert api_as(mia).get(URL).json()["data"][0]["billing"] is None


def test_shows_what_was_agreed_beyond_the_plan(api_as, organization, olivia):
    Organization.objects.filter(pk=organization.pk).update(
        rate_limit=100, rate_per_seconds=10, rate_burst=50, quota_limit=0, seat_limit=None
    )

    body = api_as(olivia).get(f"{URL}/{organization.pk}").json()

    assert body["overrides"] == {
        "rate": {"limit": 100, "per_seconds": 10, "burst": 50},
        "quota_limit": 0,
    }
    assert body["seat_limit"] is None


def test_the_path_decides_whatever_the_header_says(
    api_as, organization, olivia, foreign_organization
):
    response = api_as(olivia).get(
        f"{URL}/{organization.pk}", HTTP_X_ORGANIZATION_ID=str(foreign_organization.pk)
    )

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["", "/members"])
def test_a_foreign_one_looks_like_a_missing_one(
    api_as, organization, olivia, foreign_organization, path
):
    client = api_as(olivia)
    headers = {"HTTP_X_REQUEST_ID": "the-same-id"}

    foreign = client.get(f"{URL}/{foreign_organization.pk}{path}", **headers)
    missing = client.get(f"{URL}/999999{path}", **headers)

    assert (foreign.status_code, missing.status_code) == (404, 404)
    instance = f"{URL}/{foreign_organization.pk}{path}".encode()
    assert foreign.content.replace(instance, f"{URL}/999999{path}".encode()) == missing.content


@pytest.mark.parametrize("path", ["0", str(2**63), "9" * 40])
def test_ids_out_of_range_are_missing(api_as, olivia, path):
    assert api_as(olivia).get(f"{URL}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["-1", "abc", "1.5", "%00", "1/"])
def test_what_is_no_id_is_no_path(api_as, olivia, path):
    response = api_as(olivia).get(f"{URL}/{path}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/members"])
def test_unknown_parameters_are_refused(api_as, organization, olivia, path):
    url = f"{URL}{path.format(id=organization.pk)}"

    response = api_as(olivia).get(url, {"limt": "5"})

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["location"]) == ("#/limt", "query")


def test_members_are_listed_newest_first(api_as, organization, olivia, adam, vera):
    body = api_as(vera).get(f"{URL}/{organization.pk}/members").json()

    assert [(row["user"]["email"], row["role"]) for row in body["data"]] == [
        ("vera@example.com", "VIEWER"),
        ("adam@example.com", "ADMIN"),
        ("olivia@example.com", "OWNER"),
    ]
    assert set(body["data"][0]) == {"user", "role", "custom_role", "joined_at"}
    assert set(body["data"][0]["user"]) == {"id", "email", "full_name"}
