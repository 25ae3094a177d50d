"""`ordering`: every list can be sorted by what it allows, in both directions, and by nothing else."""

from datetime import datetime

import pytest

from tests.api.operations import operations
from tests.api.rows import ROWS
from tests.api.test_lists import view_of
from tests.api.world import World

pytestmark = pytest.mark.django_db


def walk(client, path, ordering):
    """Return all rows of a list, page by page."""
    rows, cursor = [], ""
    while True:
        body = client.get(f"{path}?limit=150&ordering={ordering}{cursor}").json()
        rows += body["data"]
        if body["next_cursor"] is None:
            return rows
        cursor = f"&cursor={body['next_cursor']}"


def test_every_order_is_a_walk_over_all_rows(furnished: World):
    for name in ROWS:
        operation = operations()[name]
        path = operation.path.format(**furnished.path_values("mine"))
        client = furnished.insider(operation)
        plain = walk(client, path, operation.orderings[0])
        assert client.get(f"{path}?limit=150").json()["data"] == plain[:150], name

        for falling, rising in zip(
            operation.orderings[::2], operation.orderings[1::2], strict=True
        ):
            rows = walk(client, path, falling)
            assert falling == f"-{rising}"
            assert rows == walk(client, path, rising)[::-1], name
            assert sorted(map(str, rows)) == sorted(map(str, plain)), name
            if rising in rows[0] and rising.endswith("_at"):
                times = [datetime.fromisoformat(row[rising]) for row in rows]
                assert times == sorted(times, reverse=True), name


def test_orders_are_by_columns_that_are_never_null():
    for name in ROWS:
        view = view_of(name)
        rows = view.shape
        model = getattr(getattr(rows, "Meta", None), "model", None)
        columns = model._meta.get_fields() if model else ()
        nullable = {column.name for column in columns if getattr(column, "null", False)}

        assert set(view.orders.values()) & nullable == set(), name


def test_other_orders_are_refused(world: World):
    for name in ROWS:
        operation = operations()[name]
        path = operation.path.format(**world.path_values("mine"))
        for ordering in ("password", "--created_at", "created_at,id", "", "id"):
            response = world.insider(operation).get(path, {"ordering": ordering})

            assert response.status_code == 400, name
            (fault,) = response.json()["errors"]
            assert (fault["pointer"], fault["location"]) == ("#/ordering", "query")
            assert all(allowed in fault["fix"] for allowed in operation.orderings), name


def test_a_cursor_belongs_to_its_order(world: World):
    ROWS["api_keys_list"](world)
    client, path = world.clients["owner"], "/api/v1/api-keys"
    cursor = client.get(f"{path}?ordering=name&limit=2").json()["next_cursor"]

    for other in ("ordering=-name", "ordering=created_at", "limit=2"):
        response = client.get(f"{path}?{other}&cursor={cursor}")

        assert response.status_code == 400
        assert response.json()["errors"][0]["pointer"] == "#/cursor"
