"""The OpenAPI document: valid, complete, without a warning, and true of what the API answers."""

import json
import re

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from apikeys.gateway import app as gate
from config import pages
from config.common.events import catalogue
from tests.api.matrix import BODIES, MATRIX
from tests.api.operations import described as in_full
from tests.api.operations import document, operations
from tests.api.world import World, who_may
from tests.race import at_once

# Doors that stand open to everyone: signing in comes before being somebody.
OPEN = {
    "auth_email_change_cancel",
    "auth_email_change_confirm",
    "auth_login",
    "auth_logout",
    "auth_passkeys_second_factor",
    "auth_passkeys_second_factor_options",
    "auth_passkeys_sign_in",
    "auth_passkeys_sign_in_options",
    "auth_password_reset_confirm",
    "auth_password_reset_request",
    "auth_refresh",
    "auth_register",
    "auth_resend_verification",
    "auth_verify_email",
}
# Bodies that are files have no example.
FILES = {"application/zip", "multipart/form-data", "text/csv", "application/jsonl"}
DESCRIBED = [(name, operation, in_full(name)) for name, operation in operations().items()]
# What staff is answered with, as the world stands; the others are refused.
OF_STAFF = [name for name in operations() if name.startswith("admin_") and "reinstate" not in name]
EVERY = pytest.mark.parametrize(
    ("name", "operation", "described"), DESCRIBED, ids=[name for name, *_ in DESCRIBED]
)


def test_is_generated_without_a_warning(capsys):
    GENERATOR_STATS.reset()

    SchemaGenerator(api_version="v1").get_schema(request=None, public=True)

    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert not GENERATOR_STATS


def test_is_valid_openapi_3_1():
    assert document()["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


@pytest.mark.django_db
def test_is_served(api):
    response = api.get("/api/v1/schema", headers={"Accept": "application/json"})

    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.1")
    assert set(response.json()["paths"]) == set(document()["paths"])


@pytest.mark.django_db
def test_the_document_is_made_once_for_all_who_ask(monkeypatch):
    """It takes half a second, and anybody may ask."""
    made = []
    real = SchemaGenerator.get_schema

    def counted(*args, **kwargs):
        made.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    pages._document.cache_clear()

    answers = at_once(*[lambda: Client().get("/api/v1/schema")] * 3)

    assert len(made) == 1
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer["Content-Type"] for answer in answers} == {"application/vnd.oai.openapi+json"}
    assert len({answer.content for answer in answers}) == 1


def test_ids_are_unique_and_readable():
    ids = [
        described["operationId"]
        for methods in document()["paths"].values()
        for method, described in methods.items()
        if method != "parameters"
    ]

    assert len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", one)] == []


def test_every_path_is_described():
    served = {
        re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{path}").replace("{pk}", "{id}")
        for path in _paths(get_resolver())
        if path.startswith("api/v1/") and path != "api/v1/schema"
    }

    assert served == set(document()["paths"]) - set(gate.PATHS)


def _paths(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from _paths(pattern, path)
        else:
            yield path


@EVERY
def test_says_what_it_does(name, operation, described):
    assert described["summary"]
    assert described["description"]
    assert described["tags"]
    assert all(parameter.get("schema") for parameter in described.get("parameters", ()))


@EVERY
def test_says_who_may_ask(name, operation, described):
    security = described.get("security", [])

    assert (security in ([], [{}])) == (name in OPEN)
    declared = document()["components"]["securitySchemes"]
    assert {scheme for requirement in security for scheme in requirement} <= set(declared)


@EVERY
def test_every_parameter_has_an_example(name, operation, described):
    for parameter in described.get("parameters", ()):
        told = f"{name}: {parameter['name']}"
        assert parameter["description"], told
        assert "example" in parameter, told
        assert faults_of(parameter["schema"], parameter["example"]) == [], told


def test_tags_are_declared_and_described():
    declared = {tag["name"]: tag["description"] for tag in document()["tags"]}
    told = [described["post"] for described in document()["webhooks"].values()]
    told += [described for _, _, described in DESCRIBED]
    used = {tag for described in told for tag in described["tags"]}

    assert set(declared) == used
    assert {name: text for name, text in declared.items() if text == name} == {}


def test_every_public_event_is_a_webhook():
    public = {event.name for event in catalogue() if event.is_public}
    webhooks = document()["webhooks"]

    assert set(webhooks) == public
    ids = [described["post"]["operationId"] for described in webhooks.values()]
    assert len(ids) == len(set(ids))
    for name, described in webhooks.items():
        body = described["post"]["requestBody"]["content"]["application/json"]
        assert faults_of(body["schema"], body["example"]) == [], name
        assert body["example"]["type"] == name


@EVERY
def test_problems_are_described_as_problems(name, operation, described):
    problems = {status: body for status, body in described["responses"].items() if status >= "400"}
    schema = {"$ref": "#/components/schemas/Problem"}

    assert {"400", "503"} <= set(problems)
    if name not in OPEN:
        assert {"401", "403"} <= set(problems)
    for body in problems.values():
        assert list(body["content"]) == ["application/problem+json"]
        assert body["description"]
    for status, body in problems.items():
        for example in shown_in(body["content"]["application/problem+json"]):
            assert faults_of(schema, example) == [], status
            assert example["status"] == int(status)


def shown_in(media):
    """Return the examples of a body."""
    shown = [example["value"] for example in media.get("examples", {}).values()]
    return shown + ([media["example"]] if "example" in media else [])


def test_what_is_alike_is_described_once():
    """A parameter, a response or the example of a problem that several operations share is in the components."""
    inline, examples = [], []
    for operation in operations().values():
        told = document()["paths"][operation.path][operation.method]
        inline += [json.dumps(one, sort_keys=True) for one in told.get("parameters", ())]
        for status, response in told["responses"].items():
            if status >= "400" and "$ref" not in response:
                inline.append(json.dumps(response, sort_keys=True))
                examples += [one for one in response["content"].values() if "example" in one]
    alike = {text for text in inline if '"$ref": "#/components/parameters' not in text}

    assert len(alike) == len([text for text in inline if text in alike])
    assert examples == []
    assert len(json.dumps(document(), separators=(",", ":"))) < 600_000


def test_every_shared_description_is_used():
    text = json.dumps(document())

    for kind in ("responses", "parameters", "examples", "headers"):
        names = document()["components"][kind]
        assert names
        assert [one for one in names if f'"#/components/{kind}/{one}"' not in text] == []


def test_it_is_the_same_each_time():
    again = SchemaGenerator(api_version="v1").get_schema(request=None, public=True)

    assert json.dumps(again, sort_keys=True) == json.dumps(document(), sort_keys=True)


@EVERY
def test_bodies_have_examples_that_are_valid(name, operation, described):
    bodies = [described["requestBody"]] if "requestBody" in described else []
    bodies += [body for status, body in described["responses"].items() if status < "300"]

    for body in bodies:
        for kind, media in body.get("content", {}).items():
            if kind in FILES:
                continue
            assert kind == "application/json"
            shown = shown_in(media)
            assert shown, f"{name} has a body without an example"
            assert [faults_of(media["schema"], value) for value in shown] == [[]] * len(shown)


@pytest.mark.django_db
def test_answers_are_what_the_document_says(world: World):
    for name in [row[0] for row in MATRIX if row[-1] < 300] + OF_STAFF:
        operation = operations()[name]
        described = in_full(name)

        with transaction.atomic():
            response = world.ask(who_may(operation), operation, body=BODIES.get(name))
            transaction.set_rollback(True)

        assert response.status_code < 300, (name, response.content)
        content = described["responses"][str(response.status_code)].get("content")
        if content is None:
            assert response.content == b"", name
        else:
            assert response.headers["Content-Type"] in content, name
            if response.headers["Content-Type"] in FILES:
                continue
            assert faults_of(content["application/json"]["schema"], response.json()) == [], name


@pytest.mark.django_db
@pytest.mark.parametrize("caller", ["anonymous", "stranger", "viewer"])
def test_refusals_are_what_the_document_says(world: World, caller):
    place = ("anonymous", "stranger", "viewer").index(caller) + 1

    for name in [row[0] for row in MATRIX if row[place] >= 400]:
        operation = operations()[name]
        described = in_full(name)

        response = world.ask(caller, operation, body=BODIES.get(name))

        assert str(response.status_code) in described["responses"], name
        assert faults_of({"$ref": "#/components/schemas/Problem"}, response.json()) == [], name


def faults_of(schema, value):
    """Return what is wrong with a value, according to a schema of the document."""
    rooted = {"components": document()["components"], **schema}
    return [
        f"{list(fault.path)}: {fault.message}"
        for fault in OAS31Validator(rooted).iter_errors(value)
    ]
