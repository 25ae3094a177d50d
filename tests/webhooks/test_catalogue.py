"""The catalogue: every public event has a description, a schema and an example, and is emitted as it says."""

import jsonschema
import pytest

from config.common.events import catalogue as events
from webhooks import catalogue
from webhooks.models import WebhookMessage

VALIDATOR = jsonschema.Draft202012Validator


def test_every_public_event_is_in_it_and_no_other():
    assert catalogue.type_names() == [event.name for event in events() if event.is_public]


@pytest.mark.parametrize("name", catalogue.type_names())
def test_an_example_satisfies_its_schema(name):
    described = catalogue.described(name)

    VALIDATOR.check_schema(described.schema)
    VALIDATOR(described.schema, format_checker=VALIDATOR.FORMAT_CHECKER).validate(described.example)
    assert described.summary.endswith(".")
    assert described.example["type"] == name


@pytest.mark.parametrize("name", catalogue.type_names())
def test_a_schema_refuses_what_is_not_the_event(name):
    described = catalogue.described(name)
    example = described.example
    validator = VALIDATOR(described.schema)

    for wrong in (
        {**example, "type": "other.happened"},
        {**example, "more": 1},
        {**example, "data": {**example["data"], "secret": "x"}},
        {**example, "data": {}},
        {"type": name, "data": example["data"]},
    ):
        assert not validator.is_valid(wrong)


@pytest.mark.django_db
def test_what_is_emitted_satisfies_its_schema(organization, adam, vera):
    messages = WebhookMessage.objects.all()

    assert {message.event_type for message in messages} >= {"organization.created", "member.added"}
    for message in messages:
        VALIDATOR(catalogue.described(message.event_type).schema).validate(message.payload)


def test_an_unknown_type_is_none():
    assert catalogue.described("nothing.happened") is None
