"""The one pagination: signed cursors bound to their query, walks that miss and repeat nothing in both directions."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.utils import timezone

from apikeys.models import ApiKey
from config.common import pagination
from organizations.models import OrganizationMember
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/api-keys"
COUNT = 7


@pytest.fixture
def keys(organization):
    """Return the ids of seven keys, newest first; some are of the very same moment."""
    made = [ApiKeyFactory.create(organization=organization).pk for _ in range(COUNT)]
    begun = timezone.now() - timedelta(hours=1)
    for number, pk in enumerate(made):
        ApiKey.objects.filter(pk=pk).update(created_at=begun + timedelta(seconds=number // 3))
    return list(ApiKey.objects.order_by("-created_at", "-id").values_list("id", flat=True))


@pytest.fixture
def client(api_as, olivia):
    return api_as(olivia)


def ids_of(body):
    return [row["id"] for row in body["data"]]


def page(client, cursor=None, **parameters):
    response = client.get(KEYS, {**parameters, **({"cursor": cursor} if cursor else {})})
    assert response.status_code == 200, response.content
    return response.json()


def walk(client, direction, cursor=None, **parameters):
    seen: list[int] = []
    body = page(client, cursor, **parameters)
    while True:
        rows = ids_of(body)
        seen = seen + rows if direction == "next_cursor" else rows + seen
        if body[direction] is None:
            return seen, body
        body = page(client, body[direction], **parameters)


@pytest.mark.parametrize("limit", range(1, COUNT + 2))
def test_a_walk_forward_sees_every_row_once(client, keys, limit):
    seen, last = walk(client, "next_cursor", limit=limit)

    assert seen == keys
    assert last["has_more"] is False


@pytest.mark.parametrize("limit", range(1, COUNT + 2))
def test_a_walk_back_sees_every_row_once(client, keys, limit):
    _, last = walk(client, "next_cursor", limit=limit)
    seen_before = ids_of(last)
    if last["prev_cursor"] is None:
        assert seen_before == keys
        return

    seen, first = walk(client, "prev_cursor", last["prev_cursor"], limit=limit)

    assert seen + seen_before == keys
    assert first["prev_cursor"] is None
    assert first["has_more"] is True


def test_there_and_back_is_the_same_page(client, keys):
    first = page(client, limit=2)
    second = page(client, first["next_cursor"], limit=2)

    assert ids_of(page(client, second["prev_cursor"], limit=2)) == ids_of(first)


def test_rows_that_come_and_go_meanwhile_are_not_repeated(client, keys, organization):
    first = page(client, limit=3)

    ApiKeyFactory.create(organization=organization)
    ApiKey.objects.filter(pk=keys[2]).update(name="changed meanwhile")
    seen, _ = walk(client, "next_cursor", first["next_cursor"], limit=3)

    assert seen == keys[3:]


def test_an_empty_list_has_one_empty_page(client, organization):
    assert page(client) == {"data": [], "next_cursor": None, "prev_cursor": None, "has_more": False}


def test_without_a_limit_there_are_fifty(api_as, organization, olivia):
    for _ in range(51):
        MemberFactory.create(organization=organization)
    client = api_as(olivia)
    url = f"/api/v1/organizations/{organization.pk}/members"

    assert len(client.get(url).json()["data"]) == 50
    assert len(client.get(url, {"limit": 200}).json()["data"]) == 52


@pytest.mark.parametrize(
    "limit", ["0", "201", "-1", "1.5", "x", "", "٣", "1e2", "9" * 30, " 5", "+5"]
)
def test_refuses_a_limit_out_of_range(client, organization, limit):
    response = client.get(KEYS, {"limit": limit})

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["location"]) == ("#/limit", "query")


def test_links_lead_to_the_neighbours(client, keys):
    first = client.get(KEYS, {"limit": 3, "environment": "live"})
    assert first.headers["Link"].endswith('>; rel="next"')
    url = urlsplit(first.headers["Link"].split(">")[0].removeprefix("<"))

    assert url.netloc == "testserver"
    assert parse_qs(url.query) == {
        "limit": ["3"],
        "environment": ["live"],
        "cursor": [first.json()["next_cursor"]],
    }
    second = client.get(f"{url.path}?{url.query}")
    assert ids_of(second.json()) == keys[3:6]
    relations = [link.split("rel=")[1] for link in second.headers["Link"].split(", ")]
    assert relations == ['"next"', '"prev"']


def refused(client, path, **parameters):
    response = client.get(path, parameters)
    assert response.status_code == 400, response.content
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["location"], error["code"]) == ("#/cursor", "query", "cursor")
    return True


def test_a_cursor_belongs_to_its_filters(client, keys):
    cursor = page(client, limit=2, environment="live")["next_cursor"]

    assert refused(client, KEYS, cursor=cursor)
    assert refused(client, KEYS, cursor=cursor, environment="test")
    assert refused(client, KEYS, cursor=cursor, environment="live", q="Key")
    assert (
        client.get(KEYS, {"cursor": cursor, "environment": "live", "limit": 3}).status_code == 200
    )


def test_a_cursor_belongs_to_its_list(client, keys, organization, adam):
    cursor = page(client, limit=2)["next_cursor"]

    assert refused(client, "/api/v1/organizations", cursor=cursor)
    assert refused(client, f"/api/v1/organizations/{organization.pk}/members", cursor=cursor)


def test_a_cursor_belongs_to_its_organization_and_each_member_can_go_on_with_it(
    api_as, keys, client, organization, foreign_organization, stan, adam
):
    MemberFactory.create(organization=foreign_organization, user=adam)
    cursor = page(client, limit=2)["next_cursor"]
    colleague = api_as(adam)

    def as_(organization):
        headers = {"X-Organization-Id": str(organization.pk)}
        return colleague.get(KEYS, {"cursor": cursor}, headers=headers)

    assert refused(api_as(stan), KEYS, cursor=cursor)
    assert as_(foreign_organization).status_code == 400
    assert ids_of(as_(organization).json()) == keys[2:]


def test_a_cursor_belongs_to_its_person(api_as, olivia, adam):
    mine, sessions = api_as(olivia), "/api/v1/users/me/sessions"
    api_as(olivia)
    cursor = mine.get(sessions, {"limit": 1}).json()["next_cursor"]

    assert mine.get(sessions, {"cursor": cursor}).status_code == 200
    assert refused(api_as(adam), sessions, cursor=cursor)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor + "A",
        lambda cursor: "A" + cursor,
        lambda cursor: cursor[::-1],
        lambda cursor: cursor.upper(),
        lambda cursor: cursor.replace(":", "."),
        lambda cursor: "x",
        lambda cursor: "::",
        lambda cursor: "x" * 5000,
        lambda cursor: signing.dumps({"d": "next", "a": "2026-01-01", "i": 1, "b": "x"}),
        lambda cursor: signing.dumps([1], salt=pagination._SALT, key="another key"),
    ],
)
def test_a_forged_cursor_is_refused(client, keys, spoil):
    cursor = page(client, limit=2)["next_cursor"]

    assert refused(client, KEYS, cursor=spoil(cursor))


def test_a_cursor_says_nothing_secret(client, keys):
    cursor = page(client, limit=2)["next_cursor"]

    place = signing.loads(cursor, salt=pagination._SALT)
    assert set(place) == {"d", "a", "i", "b"}
    assert place["i"] == keys[1]


def test_members_of_the_same_moment_are_all_seen(api_as, organization, olivia):
    for _ in range(5):
        MemberFactory.create(organization=organization)
    OrganizationMember.objects.update(created_at=timezone.now())
    client = api_as(olivia)
    url, seen, cursor = f"/api/v1/organizations/{organization.pk}/members", [], None

    while True:
        body = client.get(url, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [row["user"]["id"] for row in body["data"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 6
