"""Numbers as people read them."""

from decimal import Decimal

import pytest

from config.common.money import Money
from config.templatetags import ui


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (999, "999"),
        (1_000, "1k"),
        (12_345, "12.3k"),
        (999_999, "999k"),
        (1_284_310, "1.2M"),
        (2_000_000_000, "2B"),
        (987_654_321_098_765, "987T"),
        (-12_345, "\N{MINUS SIGN}12.3k"),
    ],
)
def test_compact_never_rounds_up(value, text):
    assert ui.compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        ("", "\N{EN DASH}"),
        (0, "0"),
        (1_234_567, "1,234,567"),
        (Decimal("1234.5"), "1,234.5"),
        ("None", "None"),
    ],
)
def test_number_groups_thousands_and_keeps_words(value, text):
    assert ui.number(value) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (1_500_000, "1.5"),
        (1, "0.000001"),
        (100_000_000, "100"),
        (1_234_567_890_000, "1,234,567.89"),
    ],
)
def test_units_are_whole_and_their_fractions(micro, text):
    assert ui.units(micro) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.42, "0.4 ms"),
        (84.2, "84 ms"),
        (999.4, "999 ms"),
        (1_250, "1.25 s"),
    ],
)
def test_duration(value, text):
    assert ui.ms(value) == text


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123_450, "USD", "$1,234.50"),
        (5, "EUR", "€0.05"),
        (1_234, "JPY", "¥1,234"),
        (1_234, "KWD", "1.234 KWD"),
        (-250, "USD", "\N{MINUS SIGN}$2.50"),
    ],
)
def test_money_knows_the_currency(minor, currency, text):
    assert ui.money(minor, currency) == text
    assert ui.money(Money(minor, currency)) == text


def test_share_of_nothing_is_zero():
    assert ui.share(3, 0) == "0 %"
    assert ui.share(None, None) == "0 %"
    assert ui.share(14, 1_000) == "1.4 %"


def test_share_of_very_little_is_not_nothing():
    assert ui.share(37, 50_000_000) == "< 0.1 %"
    assert ui.share(1, 1_000) == "0.1 %"
