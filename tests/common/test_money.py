"""Money is exact, in every currency, and parts sum to the whole."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.common.money import CurrencyMismatch, Money

AMOUNTS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.34", "USD", 1234), ("12", "JPY", 12), ("1.234", "KWD", 1234), ("0.125", "USD", 12)],
)
def test_reads_decimals_in_minor_units(amount, currency, minor):
    assert Money.of(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "minor"), [("0.005", 0), ("0.015", 2), ("-0.005", 0), ("-0.015", -2)]
)
def test_rounds_half_to_even(amount, minor):
    assert Money.of(amount, "USD").minor == minor


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(5, "USD"), "0.05 USD"), (Money(5, "JPY"), "5 JPY"), (Money(-5, "KWD"), "-0.005 KWD")],
)
def test_is_written_with_the_digits_of_its_currency(money, text):
    assert str(money) == text


def test_wire_form_is_a_decimal_string():
    assert Money(1234, "USD").as_dict() == {"amount": "12.34", "currency": "USD"}


def test_adds_subtracts_and_negates():
    assert Money(5, "USD") + Money(7, "USD") - -Money(1, "USD") == Money(13, "USD")


def test_refuses_to_mix_currencies():
    with pytest.raises(CurrencyMismatch):
        Money(1, "USD") + Money(1, "EUR")


@given(
    AMOUNTS, st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(lambda w: sum(w) > 0)
)
def test_parts_sum_to_the_whole(minor, weights):
    parts = Money(minor, "USD").split(weights)

    assert sum(part.minor for part in parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(minor * weight, sum(weights))
        assert abs(part.minor - exact) < 1


@given(AMOUNTS, st.decimals("-10", "10", places=4))
def test_multiplies_within_half_a_minor_unit(minor, factor):
    product = Money(minor, "USD").times(factor)

    assert abs(Fraction(product.minor) - minor * Fraction(factor)) <= Fraction(1, 2)


def test_refuses_weights_of_nothing():
    with pytest.raises(ValueError, match="more than nothing"):
        Money(1, "USD").split([0, 0])


def test_amount_is_a_decimal():
    assert Money(1050, "USD").amount == Decimal("10.50")
