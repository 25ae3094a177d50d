"""Entity tags over every operation: what is read has one, what is changed can be held to it, under the row's lock."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.models import ApiKey
from config.common import conditional
from tests import race
from tests.api.matrix import BODIES
from tests.api.operations import document, operations
from tests.api.world import World, who_may

pytestmark = pytest.mark.django_db


def answers_json(operation):
    responses = document()["paths"][operation.path][operation.method]["responses"]
    return "application/json" in responses["200"].get("content", {})


READS = {
    name: one
    for name, one in operations().items()
    if one.method == "get" and not one.is_listing and name != "whoami" and answers_json(one)
}
_READ_AT = {one.path: name for name, one in READS.items()}
CHANGES = {
    name: one
    for name, one in operations().items()
    if one.method in {"put", "patch"} and one.path in _READ_AT
}
# What changes while nobody changes it: numbers of this very moment.
FLEETING = {
    *("admin_dashboard", "admin_system_metrics", "analytics_real_time", "analytics_usage"),
    *("api_keys_usage", "webhooks_stats"),
}


def read(world, operation, **headers):
    name = _READ_AT[operation.path]
    return world.ask(who_may(operation), operations()[name], headers=headers)


def test_what_is_read_has_a_tag_and_is_not_sent_twice(world: World):
    for name in sorted(set(READS) - FLEETING):
        first = world.ask(who_may(READS[name]), READS[name])
        tag = first["ETag"]
        again = world.ask(who_may(READS[name]), READS[name], headers={"If-None-Match": tag})
        weakly = world.ask(
            who_may(READS[name]), READS[name], headers={"If-None-Match": f'"x", W/{tag}'}
        )
        other = world.ask(who_may(READS[name]), READS[name], headers={"If-None-Match": '"x"'})

        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag), name
        assert weakly.status_code == 304, name
        assert (other.status_code, other.content) == (200, first.content), name


def test_there_are_things_to_change():
    assert {"api_keys_update", "organizations_update", "users_me_update"} <= set(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_held_to_what_was_read(world: World, name):
    operation, body = CHANGES[name], BODIES.get(name)
    caller = who_may(operation)
    tag = read(world, operation)["ETag"]

    stale = world.ask(caller, operation, body=body, headers={"If-Match": '"stale"'})
    weak = world.ask(caller, operation, body=body, headers={"If-Match": f"W/{tag}"})
    unchanged = read(world, operation)["ETag"]
    with CaptureQueriesContext(connection) as queries:
        changed = world.ask(caller, operation, body=body, headers={"If-Match": f'"x", {tag}'})
    asked = [query["sql"] for query in queries]  # before another request empties the list
    late = world.ask(caller, operation, body=body, headers={"If-Match": tag})

    assert [answer.status_code for answer in (stale, weak)] == [412, 412]
    assert (stale.json()["code"], stale["ETag"]) == ("precondition_failed", tag)
    assert unchanged == tag
    assert changed.status_code == 200
    assert changed["ETag"] == read(world, operation)["ETag"] != tag
    assert late.status_code == 412
    assert any("FOR NO KEY UPDATE" in sql for sql in asked), "compared without the row's lock"


def test_any_present_thing_matches_the_star(world: World):
    operation = operations()["api_keys_update"]

    changed = world.ask("owner", operation, body={"name": "New"}, headers={"If-Match": "*"})
    missing = world.ask(
        "owner", operation, whose="missing", body={"name": "New"}, headers={"If-Match": "*"}
    )

    assert (changed.status_code, missing.status_code) == (200, 404)


def test_a_removal_is_held_to_it_too(world: World):
    operation = operations()["api_keys_revoke"]

    refused = world.ask("owner", operation, headers={"If-Match": '"stale"'})

    assert refused.status_code == 412
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "one"}], ids=["", "under a key"])
def test_where_nothing_is_read_there_is_nothing_to_match(world: World, key):
    operation = operations()["api_keys_rotate"]

    refused = world.ask("owner", operation, body={}, headers={"If-Match": '"x"', **key})

    assert refused.status_code == 400
    fault = refused.json()["errors"][0]
    assert (fault["pointer"], fault["location"]) == ("#/If-Match", "header")


def test_a_key_that_was_used_meanwhile_can_still_be_changed():
    tag = conditional.tag_of(b"1", {"name": "a", "last_used_at": 1}, frozenset({"last_used_at"}))
    used = conditional.tag_of(b"2", {"name": "a", "last_used_at": 2}, frozenset({"last_used_at"}))
    renamed = conditional.tag_of(
        b"3", {"name": "b", "last_used_at": 2}, frozenset({"last_used_at"})
    )

    assert conditional.matches(tag, used)
    assert not conditional.is_known(tag, used)
    assert not conditional.matches(tag, renamed)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_read_the_same_one_changes_it(world: World):
    operation = operations()["api_keys_update"]
    tag = read(world, operation)["ETag"]
    callers = ("owner", "admin")

    answers = race.together(
        2,
        lambda number: world.ask(
            callers[number], operation, body={"name": callers[number]}, headers={"If-Match": tag}
        ),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner = next(answer.json()["name"] for answer in answers if answer.status_code == 200)
    assert ApiKey.objects.get(pk=world.key.pk).name == winner
