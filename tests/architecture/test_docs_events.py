"""What docs, forms and the API tell customers about payloads is in the payloads."""

import dataclasses
import re

from config.common.events import catalogue
from tests.architecture.source import ROOT

TOLD = re.compile(r"\bdata\.([a-z_]+)")
PLACES = (
    "docs/webhooks.md",
    "webhooks/forms.py",
    "webhooks/api/serializers.py",
    "webhooks/api/examples.py",
)


def test_every_path_that_is_named_is_a_field_of_some_event():
    fields = {
        one.name for event in catalogue() if event.is_public for one in dataclasses.fields(event)
    }

    told = {name for place in PLACES for name in TOLD.findall((ROOT / place).read_text("utf-8"))}

    assert "api_key_id" in told
    assert told - fields == set()
