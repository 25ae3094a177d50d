"""Every public event that any test causes is held against the schema that customers read in the catalogue."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest

from config.common.event_schemas import public_event_types
from config.common.events import DomainEvent, published


@cache
def _validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(public_event_types()[name].schema["properties"]["data"])


def _hold_against_schema(event: DomainEvent, **_: Any) -> None:
    if event.is_public:
        _validator(event.name).validate(event.as_data())


@pytest.fixture(scope="session", autouse=True)
def _emitted_as_described() -> Iterator[None]:
    published.connect(_hold_against_schema, dispatch_uid="tests.emitted")
    yield
    published.disconnect(dispatch_uid="tests.emitted")
