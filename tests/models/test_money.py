"""Money: minor units of one currency, and no guesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import MINOR_DIGITS, Money

amounts = st.integers(-(10**15), 10**15)


@given(amounts, amounts, st.sampled_from(sorted(MINOR_DIGITS)))
def test_amounts_of_one_currency_add_exactly(one: int, other: int, currency: str) -> None:
    assert Money(one, currency) + Money(other, currency) == Money(one + other, currency)


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(ValueError, match="cannot add USD to EUR; convert one of them first"):
        Money(1, "EUR") + Money(1, "USD")


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="'EURO' is not an ISO 4217 currency code, such as 'EUR'"):
        Money(1, "EURO")


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(123_456, "EUR"), "1,234.56 EUR"),
        (Money(123_456, "JPY"), "123,456 JPY"),
        (Money(123_456, "KWD"), "123.456 KWD"),
        (Money(-5, "GBP"), "-0.05 GBP"),
    ],
)
def test_money_is_written_with_its_own_digits(money: Money, written: str) -> None:
    assert str(money) == written
