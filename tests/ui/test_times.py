"""Relative times with the exact one beside them."""

import datetime as dt

import pytest
import time_machine

from config.templatetags import ui

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3_599, "59 minutes ago"),
        (7_200, "2 hours ago"),
        (86_400 * 40, "1 month ago"),
        (86_400 * 800, "2 years ago"),
        (-30, "in a moment"),
        (-59.4, "in a moment"),
        (-59.6, "in 1 minute"),
        (-89, "in 1 minute"),
        (-90, "in 2 minutes"),
        (-3_570, "in 1 hour"),
        (-86_399, "in 1 day"),
        (-86_400, "in 1 day"),
        (-86_400 * 7 + 1, "in 7 days"),
        (-86_400 * 6.4, "in 6 days"),
        (-86_400 * 16, "in 16 days"),
        (-86_400 * 30.6, "in 1 month"),
        (-86_400 * 360, "in 1 year"),
        (-86_400 * 700, "in 2 years"),
    ],
)
def test_says_the_largest_whole_unit_and_rounds_what_is_to_come(seconds, text):
    assert ui.relative(NOW - dt.timedelta(seconds=seconds), NOW) == text


@time_machine.travel(NOW, tick=False)
def test_shows_the_exact_time_on_hover():
    html = ui.ago(NOW - dt.timedelta(minutes=5))

    assert html == (
        '<time datetime="2026-03-01T11:55:00+00:00" title="01 Mar 2026, 11:55:00 UTC" data-ago>5 minutes ago</time>'
    )


def test_says_never_when_there_is_no_time():
    assert ui.ago(None) == '<span class="quiet">Never</span>'
