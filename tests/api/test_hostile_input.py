"""Hostile values in every place: bodies, parameters, paths, headers. Nothing fails on our side, everything fast.

Values that no reader lets through (NUL, NaN, lone surrogates, endless nesting) are tried once per operation; those that
look like data once per member, in turn.
"""

import itertools
import time
from urllib.parse import quote

import orjson
import pytest
from django.conf import settings
from django.core import signing
from django.db import transaction

from tests import servers
from tests.api.matrix import BODIES
from tests.api.operations import document, operations
from tests.api.test_strict_input import BY_DJANGO, WITH_BODY
from tests.api.world import World, who_may

pytestmark = pytest.mark.django_db
SECONDS = 2.0
NESTED: object = "x"
for _ in range(30):
    NESTED = [NESTED]
VALUES = [
    -1, 0, 2**63 - 1, -(2**63), 1e308, 0.1, True, None, "", "5", "x" * 100_000, "\u202e\ufeff\x01",
    "'; DROP TABLE accounts_user; --", "{{7*7}}${7*7}%s%n", "../../etc/passwd", [], {}, [None],
    {"$ne": None}, NESTED, ["x"] * 5_000, {"a": {"b": {"c": "d"}}},
]  # fmt: skip
RAW = [
    b'{"a": "\\u0000"}', b'{"a": "\x00"}', b'{"a": "\\ud800"}', b'{"a": "\xed\xa0\x80"}',
    b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1' + b"0" * 30 + b"}", b'{"a": 1e400}', b'{"a": 1e22}',
    b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"\xff\xfe{\x00}\x00", b"{} {}",
    b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}",
]  # fmt: skip
TEXTS = ["-1", "1" + "0" * 30, "NaN", "", "%00", "%ED%A0%80", "%FF", "x" * 5_000, "[]", "true"]
FORGED = [
    "x", "a.b.c", "e30:1:x", "%00", "=" * 200, "x" * 5_000,
    signing.dumps({"d": "next"}, salt="another"),
    signing.dumps([], key="another key", salt="pagination.cursor"),
]  # fmt: skip
HEADERS = {
    "X-Organization-Id": ["-1", "1" + "0" * 30, "0", "x", "", "1.5", "٣"],
    "X-Request-Id": ["x" * 5_000, "\x7f", "{}"],
    "Authorization": ["Bearer", "Bearer a.b.c", "Basic x", "Bearer tg_live_" + "x" * 38, "x" * 5_000],
    "Idempotency-Key": ['"', "x" * 5_000, "{}"],
    "If-Match": ['"', ",", "x" * 5_000, "W/"],
    "If-None-Match": ['"', ",", "*", "W/"],
    "Content-Type": ["x", "application/json; charset=x", "multipart/form-data", ";"],
    "Accept": ["x", "text/html;q=x", "application/xml", ","],
    "traceparent": ["00-" + "0" * 32 + "-" + "0" * 16 + "-00", "x"],
}  # fmt: skip


def answer(world, operation, path, *, raw=None, headers=None):
    """Ask, undo what came of it, and insist on an answer that is ours and fast."""
    began = time.process_time()
    with transaction.atomic():
        response = world.insider(operation).generic(
            operation.method.upper(),
            path,
            raw if raw is not None else b"",
            content_type=(headers or {}).get("Content-Type", "application/json"),
            headers={
                name: text for name, text in (headers or {}).items() if name != "Content-Type"
            },
        )
        transaction.set_rollback(True)
    spent = time.process_time() - began
    told = f"{operation.id} {path[:200]} {(raw or b'')[:200]!r} {headers}"
    assert response.status_code < 500, told
    assert spent < SECONDS, told
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json", told
        assert len(response.content) < 100_000, told
    return response


def path_of(world, operation):
    return operation.path.format(**world.path_values("mine"))


def test_bodies_that_no_reader_takes(world: World, redis_client):
    got = {}

    for number, raw in enumerate(RAW):
        # So often in a row, signing in is paused.
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        for name, one in WITH_BODY.items():
            got[name, number] = answer(world, one, path_of(world, one), raw=raw).status_code

    assert len(got) == len(RAW) * len(WITH_BODY)
    assert {case: status for case, status in got.items() if status != 400} == {}


def members_of(operation):
    """Return the names of the members that a body may have, one level of nesting included."""
    described = document()["paths"][operation.path][operation.method]
    schema = resolved(described["requestBody"]["content"]["application/json"]["schema"])
    for name, member in schema.get("properties", {}).items():
        yield (name,)
        for inner in resolved(member).get("properties", {}):
            yield (name, inner)


def resolved(schema):
    while "$ref" in schema or "allOf" in schema or "oneOf" in schema:
        schema = schema["allOf"][0] if "allOf" in schema else schema
        schema = schema["oneOf"][0] if "oneOf" in schema else schema
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = document()["components"]["schemas"][name] if name else schema
    return schema


def with_value(body, place, value):
    """Return a body in which one member has another value."""
    if len(place) == 1:
        return {**body, place[0]: value}
    return {**body, place[0]: {**(body.get(place[0]) or {}), place[1]: value}}


def try_members(world, values_of):
    for name, operation in WITH_BODY.items():
        valid, path = world.body(BODIES.get(name, {})), path_of(world, operation)
        for place in members_of(operation):
            for value in values_of():
                raw = orjson.dumps(with_value(valid, place, value))
                answer(world, operation, path, raw=raw)


def test_values_in_members(world: World):
    turn = itertools.cycle(VALUES)

    try_members(world, lambda: [next(turn), next(turn)])


@pytest.mark.trial
def test_every_value_in_every_member(world: World):
    try_members(world, lambda: VALUES)


def test_values_in_parameters(world: World):
    turn = itertools.cycle(TEXTS)
    for operation in BY_DJANGO.values():
        path = path_of(world, operation)
        for name in operation.parameters:
            for text in (next(turn), next(turn)):
                answer(world, operation, f"{path}?{name}={text}")


def test_forged_cursors_are_refused(world: World):
    for name, operation in BY_DJANGO.items():
        if operation.is_listing:
            for cursor in FORGED:
                path = f"{path_of(world, operation)}?cursor={quote(cursor, safe='%')}"
                assert answer(world, operation, path).status_code == 400, name


def test_ten_thousand_parameters(world: World):
    many = "&".join(f"p{number}=1" for number in range(10_000))
    same = "&".join(["limit=1"] * 10_000)

    for name, operation in BY_DJANGO.items():
        for query in (many, same):
            path = f"{path_of(world, operation)}?{query}"
            assert answer(world, operation, path).status_code == 400, name


def test_ids_in_paths(world: World):
    for text in ("-1", "0", "1" + "0" * 30, "x", "%00", "%ED%A0%80", "1%2F2", "1.5"):
        for name, operation in BY_DJANGO.items():
            if operation.has_id:
                path = operation.path.format(**dict.fromkeys(world.path_values("mine"), text))
                status = answer(world, operation, path, raw=b"{}").status_code
                # What is wrong with the rest of the request, or with the role, may be told first.
                assert status in {400, 403, 404}, (name, text)


def test_headers(world: World):
    tried = ["api_keys_list", "api_keys_update", "users_me"]
    for name in tried:
        operation = operations()[name]
        for header, texts in HEADERS.items():
            for text in texts:
                answer(
                    world, operation, path_of(world, operation), raw=b"{}", headers={header: text}
                )


def typed_members(schema):
    """Return the members of a body that are scalars, with what JSON has in their place when it is not careful."""
    for name, member in resolved(schema).get("properties", {}).items():
        kinds = resolved(member).get("type", ())
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if kinds & {"integer", "number"} and "string" not in kinds:
            yield from ((name, value) for value in ("5", True))
        elif "boolean" in kinds:
            yield from ((name, value) for value in (1, "true"))
        elif "string" in kinds:
            yield from ((name, value) for value in (5, True))


def test_scalars_of_another_type_are_refused(world: World):
    got = {}
    for name, operation in WITH_BODY.items():
        described = document()["paths"][operation.path][operation.method]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        valid = world.body(BODIES.get(name, {}))
        for member, value in typed_members(schema):
            raw = orjson.dumps({**valid, member: value})
            response = answer(world, operation, path_of(world, operation), raw=raw)
            pointers = [fault["pointer"] for fault in response.json().get("errors", ())]
            got[name, member, value] = (response.status_code, f"#/{member}" in pointers)

    assert len(got) > 100
    assert {case: told for case, told in got.items() if told != (400, True)} == {}


def test_the_insider_would_have_been_let_in(world: World):
    """Else the tests above would prove nothing but that strangers are refused."""
    assert {who_may(one) for one in WITH_BODY.values()} == {"owner", "staff"}
