"""Every event is named alike, explained, and published somewhere."""

import re

from config.common.events import catalogue
from tests.architecture.source import modules

NAME = re.compile(r"^[a-z_]+\.[a-z_]+ed(_[a-z_]+)?$")
IRREGULAR = {"usage.threshold_reached"}


def test_names_are_facts_in_the_past_tense():
    odd = [event.name for event in catalogue() if not NAME.match(event.name)]

    assert set(odd) <= IRREGULAR


def test_every_event_says_what_it_means():
    silent = [event.__qualname__ for event in catalogue() if not (event.__doc__ and event.summary)]

    assert silent == []


def test_summaries_use_the_fields_of_their_event():
    for event in catalogue():
        wanted = set(re.findall(r"{(\w+)}", event.summary))
        assert wanted <= set(event.__dataclass_fields__), event.__qualname__


def test_every_event_is_published_somewhere():
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in modules()
        if path.name != "signals.py" and path.parent.name != "signals"
    )

    unheard = [cls.__qualname__ for cls in catalogue() if f"{cls.__qualname__}(" not in source]

    assert unheard == []
