"""Nothing is silently ignored, over every operation: unknown parameters and members, other methods, other types."""

import itertools

import pytest
from django.conf import settings
from django.db import transaction

from tests import servers
from tests.api.matrix import BODIES
from tests.api.operations import document, operations
from tests.api.world import World, who_may

pytestmark = pytest.mark.django_db


@pytest.fixture
def unhurried(redis_client):
    """Return what lets everybody ask at any rate again: here every operation is asked many times."""
    return lambda: servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)


# The gate answers `keys_verify` and has tests of its own; `whoami` is for keys.
BY_DJANGO = {
    name: one for name, one in operations().items() if name not in {"keys_verify", "whoami"}
}
WITH_BODY = {
    name: one
    for name, one in BY_DJANGO.items()
    if "requestBody" in document()["paths"][one.path][one.method] and not one.is_upload
}


WITHOUT_BODY = {
    name: one
    for name, one in BY_DJANGO.items()
    if one.method in {"post", "patch", "delete"} and name not in WITH_BODY and not one.is_upload
}


def ask(world, operation, **how):
    with transaction.atomic():
        response = world.ask(who_may(operation), operation, **how)
        transaction.set_rollback(True)
    return response


def faults_of(response):
    if response.status_code != 400:
        return response.status_code
    return [(error["pointer"], error["location"]) for error in response.json()["errors"]]


def test_an_unknown_parameter_is_refused(world: World):
    # One that nobody ever heard of, and one by which the framework would choose another form of the answer.
    for parameter, value in (("no_such_parameter", "1"), ("format", "xml")):
        got = {
            name: faults_of(
                ask(world, operation, body=BODIES.get(name), query=f"?{parameter}={value}")
            )
            for name, operation in BY_DJANGO.items()
        }

        assert got == {name: [(f"#/{parameter}", "query")] for name in BY_DJANGO}


def test_an_unknown_member_is_refused(world: World):
    bodies = {name: {**BODIES.get(name, {}), "no_such_member": 1} for name in WITH_BODY}

    got = {
        name: faults_of(ask(world, operation, body=bodies[name]))
        for name, operation in WITH_BODY.items()
    }

    assert got == {name: [("#/no_such_member", "body")] for name in WITH_BODY}


# Where each is pointed at; what cannot be read has no places.
NOT_TAKEN = {
    '{"no_such_member": 1}': [("#/no_such_member", "body")],
    '{"a": 1, "a": 2}': [("#/a", "body")],
    "{": [],
    "[]": [],
}


def test_what_takes_no_body_refuses_one(world: World, unhurried):
    got = {}

    for body, pointers in NOT_TAKEN.items():
        unhurried()
        for name, operation in WITHOUT_BODY.items():
            path = operation.path.format(**world.path_values("mine"))
            response = world.insider(operation).generic(
                operation.method.upper(), path, body, content_type="application/json"
            )
            told = faults_of(response)
            # What its path reads is pictures.
            is_picture = name == "users_me_avatar_remove"
            got[name, body] = told if is_picture else told[: len(pointers)]

    assert got == {
        (name, body): 415 if name == "users_me_avatar_remove" else pointers
        for name in WITHOUT_BODY
        for body, pointers in NOT_TAKEN.items()
    }


def test_an_empty_body_is_none(world: World):
    got = {}

    for name, operation in WITHOUT_BODY.items():
        path = operation.path.format(**world.path_values("mine"))
        with transaction.atomic():
            client, method = world.insider(operation), operation.method.upper()
            headers = {"Idempotency-Key": "the-same"} if method == "POST" else {}
            got[name] = client.generic(
                method, path, "{}", content_type="application/json", headers=headers
            )
            transaction.set_rollback(True)

    refused = {name: one.status_code for name, one in got.items() if one.status_code >= 400}
    # What whoever asks has not got, a picture that is no JSON, and a person who is not suspended.
    assert refused == {
        **dict.fromkeys(("auth_passkeys_remove", "invitations_accept", "invitations_decline"), 404),
        "users_me_avatar_remove": 415,
        "admin_users_reinstate": 409,
    }


NO_OBJECTS = {
    ("{", "application/json"): 400,
    ('{"a": NaN}', "application/json"): 400,
    ('{"a": "\\u0000"}', "application/json"): 400,
    ('{"a": "\\ud800"}', "application/json"): 400,
    ("[" * 100_000, "application/json"): 400,
    ('"text"', "application/json"): 400,
    ("[]", "application/json"): 400,
    ("null", "application/json"): 400,
    ("name=x", "application/x-www-form-urlencoded"): 415,
    ("<a/>", "text/xml"): 415,
}


def test_what_is_no_json_object_is_refused(world: World, unhurried):
    got = {}

    for body, kind in NO_OBJECTS:
        unhurried()
        for name, operation in WITH_BODY.items():
            path = operation.path.format(**world.path_values("mine"))
            method = operation.method.upper()
            response = world.insider(operation).generic(method, path, body, content_type=kind)
            got[name, body[:20]] = (response.status_code, response.headers["Content-Type"])

    assert got == {
        (name, body[:20]): (status, "application/problem+json")
        for name in WITH_BODY
        for (body, _), status in NO_OBJECTS.items()
    }


def test_other_methods_are_refused(world: World, unhurried):
    asked = list(
        itertools.product(("PUT", "TRACE", "OPTIONS", "FETCH"), ("", "?limit=1&expand=all&x=y"))
    )
    got = {}

    for method, query in asked:
        unhurried()
        for name, operation in BY_DJANGO.items():
            path = operation.path.format(**world.path_values("mine"))
            response = world.insider(operation).generic(method, f"{path}{query}")
            got[name, method, query] = (response.status_code, response.json()["code"])
            assert operation.method.upper() in response.headers["Allow"], (name, method)

    assert got == {(name, *one): (405, "method_not_allowed") for name in BY_DJANGO for one in asked}


def test_head_is_get_without_a_body(world: World):
    asked = {name: one for name, one in BY_DJANGO.items() if one.method == "get"}

    got = {
        name: world.insider(one).head(one.path.format(**world.path_values("mine")))
        for name, one in asked.items()
    }

    assert {name: (response.status_code, b"".join(response)) for name, response in got.items()} == (
        dict.fromkeys(asked, (200, b""))
    )


def test_a_trailing_slash_is_explained(world: World):
    for name, operation in BY_DJANGO.items():
        path = operation.path.format(**world.path_values("mine"))

        response = world.insider(operation).generic(operation.method.upper(), f"{path}/")

        assert response.status_code == 404, name
        assert path in response.json()["detail"], name
