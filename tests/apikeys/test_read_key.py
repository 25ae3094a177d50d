"""Reading one key."""

import pytest

from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db


def without_request(answer):
    """Return a problem without what differs from request to request."""
    body = answer.json()
    return {name: body[name] for name in body if name not in {"request_id", "instance"}}


@pytest.mark.parametrize("person", ["olivia", "adam", "mia", "vera"])
def test_every_member_may_read(api_as, request, key, person):
    answer = api_as(request.getfixturevalue(person)).get(f"/api/v1/api-keys/{key.pk}")

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["name"]) == (key.pk, "Checkout")
    assert answer.json()["scopes"] == ["orders:read"]


def test_a_foreign_key_is_like_a_missing_one(api_as, stan, key):
    api = api_as(stan)

    foreign = api.get(f"/api/v1/api-keys/{key.pk}")
    missing = api.get("/api/v1/api-keys/999999")
    beyond = api.get("/api/v1/api-keys/99999999999999999999999999")

    assert foreign.status_code == missing.status_code == beyond.status_code == 404
    assert without_request(foreign) == without_request(missing) == without_request(beyond)


@pytest.mark.parametrize(
    ("method", "path"),
    [("patch", ""), ("delete", ""), ("post", "/rotate")],
)
def test_every_verb_hides_foreign_keys(api_as, stan, key, method, path):
    api = api_as(stan)
    key.refresh_from_db()
    before = (key.version, key.status)

    foreign = getattr(api, method)(f"/api/v1/api-keys/{key.pk}{path}", {})
    missing = getattr(api, method)(f"/api/v1/api-keys/999999{path}", {})

    key.refresh_from_db()
    assert foreign.status_code == missing.status_code == 404
    assert without_request(foreign) == without_request(missing)
    assert (key.version, key.status) == before


def test_refuses_query_parameters(api_as, olivia, key):
    answer = api_as(olivia).get(f"/api/v1/api-keys/{key.pk}?expand=usage")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/expand"


def test_a_trailing_slash_is_no_path(api_as, olivia, key):
    assert api_as(olivia).get(f"/api/v1/api-keys/{key.pk}/").status_code == 404


@pytest.mark.parametrize("method", ["put", "options"])
def test_other_methods_are_refused(api_as, olivia, key, method):
    answer = getattr(api_as(olivia), method)(f"/api/v1/api-keys/{key.pk}", {})

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_the_organization_in_the_header_decides(api_as, olivia, organization, foreign_organization):
    own = ApiKeyFactory.create(organization=organization)
    api = api_as(olivia)

    named = api.get(
        f"/api/v1/api-keys/{own.pk}", headers={"X-Organization-Id": str(organization.pk)}
    )
    foreign = api.get(
        f"/api/v1/api-keys/{own.pk}", headers={"X-Organization-Id": str(foreign_organization.pk)}
    )

    assert (named.status_code, foreign.status_code) == (200, 404)
