"""Nothing is silently ignored, over every operation: unknown parameters, unknown members, other methods and types."""

import pytest
from django.db import transaction

from tests.api.operations import document, operations
from tests.api.test_permission_matrix import BODIES
from tests.api.world import World

pytestmark = pytest.mark.django_db
WITH_BODY = [
    name
    for name, operation in operations().items()
    if "requestBody" in document()["paths"][operation.path][operation.method]
]
BY_DJANGO = [name for name in operations() if name not in {"keys_verify", "whoami"}]


def ask(world, name, **how):
    operation = operations()[name]
    with transaction.atomic():
        response = world.ask("owner", operation, **how)
        transaction.set_rollback(True)
    return response


@pytest.mark.parametrize("name", BY_DJANGO)
def test_an_unknown_parameter_is_refused(world: World, name):
    response = ask(world, name, body=BODIES.get(name), query="?no_such_parameter=1")

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["location"]) == ("#/no_such_parameter", "query")


@pytest.mark.parametrize("name", [name for name in WITH_BODY if name in BY_DJANGO])
def test_an_unknown_member_is_refused(world: World, name):
    response = ask(world, name, body={**BODIES.get(name, {}), "no_such_member": 1})

    assert response.status_code == 400
    pointers = [(error["pointer"], error["location"]) for error in response.json()["errors"]]
    assert ("#/no_such_member", "body") in pointers


@pytest.mark.parametrize("name", [name for name in WITH_BODY if name in BY_DJANGO])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ('{"a": NaN}', "application/json", 400),
        ('{"a": "\\u0000"}', "application/json", 400),
        ('{"a": "\\ud800"}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ('"text"', "application/json", 400),
        ("[]", "application/json", 400),
        ("null", "application/json", 400),
        ("name=x", "application/x-www-form-urlencoded", 415),
        ("<a/>", "text/xml", 415),
    ],
    ids=["half", "nan", "nul", "surrogate", "deep", "text", "list", "null", "form", "xml"],
)
def test_what_is_no_json_object_is_refused(world: World, name, body, kind, status):
    operation = operations()[name]
    path = operation.path.format(**world.path_values("mine"))

    response = world.clients["owner"].generic(
        operation.method.upper(), path, body, content_type=kind
    )

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS", "FETCH"])
@pytest.mark.parametrize("name", BY_DJANGO)
def test_other_methods_are_refused(world: World, name, method):
    path = operations()[name].path.format(**world.path_values("mine"))

    response = world.clients["owner"].generic(method, path)

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert response.headers["Allow"]


@pytest.mark.parametrize("name", [name for name in BY_DJANGO if operations()[name].method == "get"])
def test_head_is_get_without_a_body(world: World, name):
    path = operations()[name].path.format(**world.path_values("mine"))

    response = world.clients["owner"].head(path)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("name", BY_DJANGO)
def test_a_trailing_slash_is_explained(world: World, name):
    operation = operations()[name]
    path = operation.path.format(**world.path_values("mine"))

    response = world.clients["owner"].generic(operation.method.upper(), f"{path}/")

    assert response.status_code == 404
    assert path in response.json()["detail"]
