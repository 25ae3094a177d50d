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
        (-86_400, "in 1 day"),
    ],
)
def test_says_the_largest_whole_unit(seconds, text):
    assert ui.relative(NOW - dt.timedelta(seconds=seconds), NOW) == text


@time_machine.travel(NOW, tick=False)
def test_shows_the_exact_time_on_hover():
    html = ui.ago(NOW - dt.timedelta(minutes=5))

    assert html == (
        '<time datetime="2026-03-01T11:55:00+00:00" title="01 Mar 2026, 11:55:00 UTC" data-ago>5 minutes ago</time>'
    )


def test_says_never_when_there_is_no_time():
    assert ui.ago(None) == '<span class="quiet">Never</span>'
