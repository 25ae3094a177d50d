"""Ids as people and clients write them."""

import pytest

from config.common.ids import id_in


@pytest.mark.parametrize(("text", "found"), [("7", 7), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_digits_are_an_id(text, found):
    assert id_in(text) == found


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1_0", "\u0667", "²", "9" * 19, "acme"]
)
def test_anything_else_is_none(text):
    assert id_in(text) is None
