"""Currencies: what counts is the rulebook's, and what comes in another one is converted."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import events
from models.errors import Reason
from models.events import Line, Profile, Purchase, Refund
from models.money import MINOR_DIGITS
from rules.admission import Refusal
from rules.eras import Era, EraRecord
from rules.exchange import exchanged
from rules.reduce import Reduction
from tests.rules.driving import Driver, activation, at, book

_AMOUNTS = """
  income:
    measure: profile.income
    levels: [{name: rich, from: much_spend}, {name: mass}]
  dispute:
    measure: complaint_amount(days=90)
    levels: [{name: big, from: much_spend}, {name: none}]
"""


def amounts(version: int = 1) -> str:
    """Return a rulebook in EUR that asks for the money of people who have bought nothing."""
    return book(version).replace("tiers:\n", f"{_AMOUNTS.lstrip(chr(10))}tiers:\n", 1)


def driver(*days: tuple[str, float]) -> Driver:
    """Return a customer whose era knows what a dollar is worth, by date."""
    customer = Driver(amounts(), first_tick=at(-1))
    for number, (date, worth) in enumerate(days, start=1):
        customer.activate(rates(number, date, USD=worth))
    return customer


def rates(number: int, date: str, base: str = "EUR", **worth: float) -> events.RatesSet:
    return events.RatesSet(number=number, by="ana", base=base, date=date, rates=worth)


def refund(when: int, minor: int, currency: str = "USD", **more: Any) -> Refund:  # noqa: ANN401
    return Refund(
        event_id="r", source="shop", occurred_at=when, refund_id="r", amount_minor=minor,
        currency=currency, kind="return", **more,
    )  # fmt: skip


def profile(when: int, **patch: Any) -> Profile:  # noqa: ANN401
    income = {f"income.{name}": value for name, value in patch.items()}
    return Profile(event_id=f"i{when}", source="crm", occurred_at=when, patch=income)


def category(customer: Driver, name: str) -> object:
    """Return the level that was concluded on a dimension, 0 the highest."""
    rules = customer.reducer.eras[-1].book
    assert rules is not None
    names = [dimension.name for dimension in rules.dimensions]
    return customer.known.concluded.categories[names.index(name)]


def test_income_before_a_purchase_is_in_the_currency_of_the_rulebook() -> None:
    customer = driver()
    customer.take(profile(at(0), amount_minor=300_000, currency="JPY", period="month"))
    assert category(customer, "income") is None
    customer.take(profile(at(0) + 1, amount_minor=300_000, currency="EUR", period="month"))
    assert category(customer, "income") == 0


def test_a_complaint_before_a_purchase_is_about_money_of_the_rulebook() -> None:
    customer = driver()
    customer.take(customer.complaint(at(0), "a", amount_minor=90_000, currency="USD"))
    assert category(customer, "dispute") == 1  # there is no rate: it is left out
    customer.take(customer.complaint(at(0), "b", amount_minor=90_000, currency="EUR"))
    assert category(customer, "dispute") == 0


def test_who_came_before_the_rulebook_is_compared_in_its_currency() -> None:
    customer = Driver(first_tick=at(-1))
    customer.take(profile(at(0), amount_minor=300_000, currency="JPY", period="month"))
    customer.activate(activation(1, amounts()))
    customer.pass_to(at(1))
    assert category(customer, "income") is None


def test_who_paid_otherwise_before_the_rulebook_pays_in_its_currency_from_then_on() -> None:
    customer = Driver(first_tick=at(-1))
    customer.take(customer.purchase(at(0), 100, currency="USD"))
    customer.take(customer.purchase(at(1), 3_000))
    customer.activate(activation(1, amounts()))
    customer.take(customer.purchase(at(3), 8_000))
    facts = customer.known.facts
    assert (facts.currency, facts.net_minor) == ("EUR", [0, 3_000, 8_000])
    assert facts.series["net:USD"][1] == [100, 0]
    assert customer.tiers()[-1][1] == "gold"


def test_what_comes_in_another_currency_counts_at_the_rate_of_its_day() -> None:
    # The stories begin on 4 October 2024.
    customer = driver(("2024-10-01", 0.9), ("2024-10-05", 0.8), ("2024-10-06", 0.5))
    for day in (0, 1, 2, 3):
        customer.take(customer.purchase(at(day), 1_000, currency="USD"))
    assert customer.known.facts.net_minor == [900, 800, 500, 500]
    assert customer.known.facts.currency == "EUR"
    customer.take(profile(at(0), amount_minor=12_000, currency="USD", period="month"))
    assert category(customer, "income") == 0
    assert customer.known.facts.profile["income.amount_minor"][1] == 10_800
    customer.take(customer.complaint(at(3), amount_minor=20_000, currency="USD"))
    assert category(customer, "dispute") == 0
    assert customer.known.facts.complaints[0].amount == (at(3), 10_000, "EUR")


def test_a_full_refund_takes_back_what_the_purchase_brought() -> None:
    customer = driver(("2024-10-04", 0.9), ("2024-10-06", 0.5))
    customer.take(customer.purchase(at(0), 1_000, currency="USD"))
    customer.take(refund(at(4), 1_000, purchased_at=at(0), full=True))
    facts = customer.known.facts
    assert (facts.net_minor, facts.series["refund"][1]) == ([900], [900])


def test_a_refund_of_an_unknown_purchase_takes_the_rate_of_its_own_day() -> None:
    customer = driver(("2024-10-04", 0.9), ("2024-10-06", 0.5))
    customer.take(refund(at(4), 1_000))
    assert customer.known.facts.series["refund"][1] == [500]


def test_everything_that_is_money_is_converted() -> None:
    line = Line(line_id="l", net_amount_minor=300, list_amount_minor=400, quantity_milli=2_000)
    era = era_in("EUR", USD=0.5)
    sale = exchanged(sold(1_000, margin_minor=-99, lines=(line,)), era)
    assert isinstance(sale, Purchase)
    assert (sale.currency, sale.net_amount_minor, sale.margin_minor) == ("EUR", 500, -50)
    assert sale.lines == (
        Line(line_id="l", net_amount_minor=150, list_amount_minor=200, quantity_milli=2_000),
    )
    back = exchanged(refund(at(0), 600, lines=(line,)), era)
    assert isinstance(back, Refund)
    assert (back.currency, back.amount_minor, back.lines) == ("EUR", 300, sale.lines)


@given(
    st.integers(0, 10**15),
    st.decimals("0.000001", "100000", places=6),
    st.sampled_from(("EUR", "JPY", "KWD")),
    st.sampled_from(("USD", "KRW", "TND")),
)
def test_minor_units_are_those_of_both_currencies(
    minor: int, worth: Decimal, home: str, currency: str
) -> None:
    sale = exchanged(sold(minor, currency=currency), era_in(home, **{currency: float(worth)}))
    assert isinstance(sale, Purchase)
    exact = Decimal(minor).scaleb(-MINOR_DIGITS[currency]) * worth
    whole = exact.scaleb(MINOR_DIGITS[home]).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert (sale.currency, sale.net_amount_minor) == (home, int(whole))


@pytest.mark.parametrize(
    ("minor", "worth", "brought"), [(10, 0.95, 10), (30, 0.95, 28), (50, 0.95, 48), (1, 0.5, 0)]
)
def test_halves_are_rounded_to_even(minor: int, worth: float, brought: int) -> None:
    sale = exchanged(sold(minor), era_in("EUR", USD=worth))
    assert isinstance(sale, Purchase)
    assert sale.net_amount_minor == brought


@pytest.mark.parametrize(
    "known",
    [
        (),
        (rates(1, "2024-10-05", USD=0.9),),
        (rates(1, "2024-10-04", GBP=1.2),),
        (rates(1, "2024-10-04", base="GBP", USD=0.8, EUR=0.9),),
    ],
)
def test_without_a_rate_of_its_day_sales_are_refused(known: tuple[events.RatesSet, ...]) -> None:
    customer = driver()
    for change in known:
        customer.activate(change)
    for event in (
        customer.purchase(at(0), currency="USD"),
        refund(at(3), 100, purchased_at=at(0)),
    ):
        refusal = customer.take(event)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.UNKNOWN_CURRENCY
        assert "send `rates.set` with base EUR and a date of 2024-10-04 or before" in (
            refusal.message
        )


def test_a_day_begins_where_the_rulebook_counts() -> None:
    customer = Driver(book(zone="Asia/Shanghai"), first_tick=at(-1))
    customer.activate(rates(1, "2024-10-05", USD=0.5))
    assert isinstance(customer.take(customer.purchase(at(0, 15), currency="USD")), Refusal)
    assert isinstance(customer.take(customer.purchase(at(0, 16), currency="USD")), Reduction)


def sold(minor: int, currency: str = "USD", **more: Any) -> Purchase:  # noqa: ANN401
    return Purchase(
        event_id="p", source="shop", occurred_at=at(0), order_id="o", net_amount_minor=minor,
        currency=currency, **more,
    )  # fmt: skip


def era_in(home: str, **worth: float) -> Era:
    """Return an era in a currency, with what others are worth in it."""
    known = (rates(1, "2024-10-01", base=home, **worth),)
    text = (
        book().replace("currency: EUR", f"currency: {home}").replace("unit: EUR", f"unit: {home}")
    )
    return Era(EraRecord(0, at(0), "rulebook.activated", "ana", book=text, rates=known))
