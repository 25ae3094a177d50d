"""What belongs to another organization is answered like what is missing, and nothing of it changes."""

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.api.matrix import BODIES
from tests.api.operations import operations
from tests.api.world import World
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db

SCOPED_TO_ONE = [name for name, operation in operations().items() if operation.has_id]
OF_ORGANIZATIONS = [
    name
    for name, operation in operations().items()
    if operation.has_id
    or name.startswith(("api_keys", "analytics", "organizations_", "security_events", "webhooks"))
]
BELOW_ONE = [
    name
    for name, operation in operations().items()
    if operation.path.count("{") > 1 and "{organization_id}" in operation.path
]


@pytest.mark.parametrize("caller", ["viewer", "owner"])
def test_a_foreign_id_is_answered_like_a_missing_one(world: World, caller):
    before = checksums(world)

    for name in SCOPED_TO_ONE:
        foreign, missing = (
            world.ask(caller, operations()[name], whose=whose, body=BODIES.get(name))
            for whose in ("foreign", "missing")
        )

        # Whoever may do nothing of the kind learns that first, and nothing about the id.
        may_be_refused = caller == "viewer" or name.startswith("admin_")
        assert foreign.status_code in ({403, 404} if may_be_refused else {404}), name
        assert told(foreign) == told(missing), name
    assert checksums(world) == before


def test_a_foreign_row_below_ones_own_organization_is_missing(world: World):
    """The organization in the path is one's own, what comes after it is not."""
    before = checksums(world)

    for name in BELOW_ONE:
        answers = [
            world.ask(
                "owner",
                operations()[name],
                body=BODIES.get(name),
                path={**world.path_values(whose), "organization_id": world.mine.pk},
            )
            for whose in ("foreign", "missing")
        ]

        assert [answer.status_code for answer in answers] == [404, 404], name
        assert told(answers[0]) == told(answers[1]), name
    assert checksums(world) == before


def test_a_key_of_another_organization_opens_nothing(world: World):
    """Even one with every scope there is: it acts in its own organization, and the rows of others are missing."""
    key = ApiKeyFactory.create(organization=world.mine, scopes=["*", "tollgate:*"])
    world.clients["key"] = APIClient(headers={"Authorization": f"Bearer {key.secret}"})
    before = checksums(world)
    got = {}

    for name in OF_ORGANIZATIONS:
        operation = operations()[name]
        asks_for = {} if operation.has_id else {"X-Organization-Id": str(world.foreign.pk)}
        got[name] = world.ask(
            "key", operation, whose="foreign", body=BODIES.get(name), headers=asks_for
        ).status_code

    assert {name: status for name, status in got.items() if status not in {401, 403, 404}} == {}
    assert checksums(world) == before


def test_such_a_key_opens_its_own_organization(world: World):
    key = ApiKeyFactory.create(organization=world.mine, scopes=["*", "tollgate:*"])
    client = APIClient(headers={"Authorization": f"Bearer {key.secret}"})

    listed = client.get("/api/v1/api-keys")
    mine = client.get(f"/api/v1/organizations/{world.mine.pk}")

    assert (listed.status_code, mine.status_code) == (200, 200)
    assert {row["id"] for row in listed.json()["data"]} == {key.pk, world.key.pk}
    assert mine.json()["id"] == world.mine.pk


def told(response):
    """Return what the caller learns: the body to the byte, and the headers but for the running count of calls."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if not name.lower().startswith(("ratelimit", "x-ratelimit"))
    }
    return response.status_code, response.content, headers


def checksums(world):
    """Return a checksum of what belongs to the foreign organization, its owner and its key, table by table."""
    owners = {
        "organization_id": world.foreign.pk,
        "user_id": world.people["stranger"].pk,
        "api_key_id": world.foreign_key.pk,
    }
    own_rows = [
        ("organizations_organization", "id", world.foreign.pk),
        ("accounts_user", "id", world.people["stranger"].pk),
        ("apikeys_apikey", "id", world.foreign_key.pk),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = ANY(%s)",
            [list(owners)],
        )
        parts = [*own_rows, *((table, column, owners[column]) for table, column in cursor)]
        sums = {
            (table, column): _checksum(cursor, table, column, pk) for table, column, pk in parts
        }
    assert len(sums) > 30
    return sums


def _checksum(cursor, table, column, pk):
    cursor.execute(
        f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t "  # noqa: S608  names from the catalogue
        f'WHERE "{column}"::text = %s',
        [str(pk)],
    )
    return cursor.fetchone()[0]


def test_the_checksums_see_a_change(world: World):
    before = checksums(world)

    type(world.foreign).objects.filter(pk=world.foreign.pk).update(tax_id="X")
    world.people["stranger"].sessions.update(user_agent="X")

    after = checksums(world)
    changed = {part for part in before if before[part] != after[part]}
    assert changed == {("organizations_organization", "id"), ("accounts_session", "user_id")}
