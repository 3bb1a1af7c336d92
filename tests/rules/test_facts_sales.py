"""Facts of sales: by category and channel, shares, and how regular a customer is."""

# ruff: noqa: ANN401  # the helpers pass any argument of a fact on

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import DAY_S
from models.customer import Facts
from models.events import Channel, CustomerEvent, Line, Purchase, Refund
from tests.rules.histories import NOW, TODAY, ZONE, events
from tests.rules.test_facts import WINDOWS, folded, head, read, refund

CHANNELS: tuple[Channel, ...] = ("online", "offline", "other")


def bought(
    days: int, amount: int = 1_000, *lines: Line, number: int = 0, **fields: Any
) -> Purchase:
    return Purchase(
        **head(days, number), order_id="o", net_amount_minor=amount, currency="GBP", lines=lines,
        **fields,
    )  # fmt: skip


def line(category: str | None, amount: int, **fields: Any) -> Line:
    return Line(line_id="l", net_amount_minor=amount, category=category, **fields)


@given(events(), WINDOWS, st.sampled_from(CHANNELS))
def test_a_channel_is_what_its_purchases_and_refunds_say(
    happened: list[CustomerEvent], days: int | None, channel: Channel
) -> None:
    facts = folded(*happened)
    sold = [e for e in happened if isinstance(e, Purchase) and inside(e.occurred_at, days)]
    back = [e for e in happened if isinstance(e, Refund) and inside(booked(e), days)]

    def spent(name: Channel) -> int:
        gross = sum(e.net_amount_minor for e in sold if e.channel == name)
        return gross - sum(e.amount_minor for e in back if e.channel == name)

    count = sum(e.channel == channel for e in sold)
    count -= sum(e.full for e in back if e.channel == channel)
    refunded = sum(e.amount_minor for e in back if e.channel == channel)
    assert read("spend", facts, channel=channel, days=days) == max(0, spent(channel))
    assert read("orders", facts, channel=channel, days=days) == max(0, count)
    assert read("refunds", facts, channel=channel, days=days) == refunded
    margin = sum(e.margin_minor or 0 for e in sold if e.channel == channel)
    assert read("margin", facts, channel=channel, days=days) == margin
    whole = max(0, sum(spent(name) for name in CHANNELS))
    expected = min(1.0, max(0, spent(channel)) / whole) if whole else None
    assert read("share", facts, channel=channel, days=days) == expected


@given(events(), WINDOWS, st.sampled_from(("food", "toys")))
def test_a_category_is_what_its_lines_say(
    happened: list[CustomerEvent], days: int | None, category: str
) -> None:
    facts = folded(*happened)
    sold = [e for e in happened if isinstance(e, Purchase) and inside(e.occurred_at, days)]
    back = [e for e in happened if isinstance(e, Refund) and inside(booked(e), days)]

    def lines(of: list[Any], name: str | None) -> list[Line]:
        return [line for e in of for line in e.lines if name in {None, line.category}]

    def net(name: str | None) -> int:
        gross = sum(line.net_amount_minor for line in lines(sold, name))
        return gross - sum(line.net_amount_minor for line in lines(back, name))

    def quantity(name: str | None) -> float:
        milli = sum(line.quantity_milli or 0 for line in lines(sold, name))
        return max(0, milli - sum(line.quantity_milli or 0 for line in lines(back, name))) / 1_000

    count = sum(bool(lines([e], category)) for e in sold)
    count -= sum(e.full and bool(lines([e], category)) for e in back)
    assert read("spend", facts, category=category, days=days) == max(0, net(category))
    assert read("orders", facts, category=category, days=days) == max(0, count)
    assert read("quantity", facts, category=category, days=days) == quantity(category)
    assert read("quantity", facts, days=days) == quantity(None)
    whole = net(None)
    share = min(1.0, max(0, net(category)) / whole) if whole > 0 else None
    assert read("share", facts, category=category, days=days) == share
    largest = max((e.net_amount_minor for e in sold), default=None)
    assert read("largest_order", facts, days=days) == largest


def inside(at: int, days: int | None) -> bool:
    return days is None or ZONE.day(at) > TODAY - days


def booked(event: Refund) -> int:
    return event.occurred_at if event.purchased_at is None else event.purchased_at


def test_several_categories_or_channels_add_up() -> None:
    facts = folded(
        bought(-3, 600, line("food", 400), line("toys", 200), channel="online"),
        bought(-2, 300, line("garden", 300), channel="offline"),
    )
    assert read("spend", facts, category=("food", "toys", "unheard of")) == 600
    assert read("spend", facts, channel=("online", "offline")) == 900
    assert read("orders", facts, channel="online", days=2) == 0
    assert read("share", facts, category=("food", "garden")) == pytest.approx(7 / 9)


def test_a_refund_without_lines_changes_totals_and_no_share() -> None:
    facts = folded(bought(-3, 600, line("food", 400, custom=True), line("toys", 200)))
    share = read("share", facts, of="custom")
    facts = folded(
        bought(-3, 600, line("food", 400, custom=True), line("toys", 200)), refund(-1, 100, of=-3)
    )
    assert read("spend", facts) == 500
    assert read("share", facts, of="custom") == share == pytest.approx(2 / 3)
    assert read("spend", facts, category="food") == 400


def test_kinds_of_lines_have_their_shares() -> None:
    facts = folded(
        bought(
            -3, 1_000, line("a", 500, custom=True, list_amount_minor=1_000),
            line("b", 300, own_brand=True), line("b", 200, grade="premium", list_amount_minor=200),
        )
    )  # fmt: skip
    expected = {"custom": 0.5, "discounted": 0.5, "own_brand": 0.3, "premium": 0.2}
    assert {of: read("share", facts, of=of) for of in expected} == expected
    assert read("discount_rate", facts) == pytest.approx(1 - 700 / 1_200)
    assert read("share", folded(bought(-3)), of="custom") is None
    assert read("discount_rate", folded(bought(-3))) is None


def test_margin_may_be_negative_and_counts_by_channel() -> None:
    facts = folded(
        bought(-3, margin_minor=-50, channel="online"), bought(-2, margin_minor=20, number=1)
    )
    assert read("margin", facts) == -30
    assert read("margin", facts, channel="online") == -50
    assert read("margin", folded(bought(-3))) == 0


def test_periods_count_what_lies_in_them() -> None:
    facts = folded(bought(-1, 1), bought(-20, 10), bought(-100, 100), bought(-200, 1_000))
    assert read("spend", facts, period="month") == 1  # 10 April 2026 is today
    assert read("spend", facts, period="last_month") == 10
    assert read("orders", facts, period="year") == 2
    assert read("average_order", facts, period="last_year") == 550
    assert read("refunds", facts, period="half") == 0


def test_the_interval_is_the_mean_gap_between_days_with_orders() -> None:
    facts = folded(*(bought(day, number=n) for n, day in enumerate((-40, -40, -30, -10))))
    assert read("order_interval_days", facts) == 15
    assert read("order_interval_days", facts, days=20) is None
    cancelled = refund(-1, 1, of=-30, full=True)
    days = (-40, -30, -10)
    assert read("order_interval_days", folded(*map(bought, days), cancelled)) == 30


def test_stability_is_one_less_the_variation_of_at_least_four_values() -> None:
    assert read("order_stability", folded(*map(bought, (-40, -30, -20, -10)))) is None
    assert read("order_stability", folded(*map(bought, (-40, -30, -20, -10, 0)))) == 1.0
    uneven = folded(*map(bought, (-40, -39, -20, -19, 0)))
    assert read("order_stability", uneven) == pytest.approx(0.1, abs=0.01)  # gaps 1, 19, 1, 19
    even = folded(*(bought(-n, 10, line("a", 10, quantity_milli=500)) for n in range(4)))
    assert read("quantity_stability", even) == 1.0
    assert read("quantity_stability", even, days=3) is None


def test_quantity_per_order_looks_at_orders_that_say_one() -> None:
    facts = folded(
        bought(-3, 10, line("a", 10, quantity_milli=6_000)),
        bought(-3, 10, line("a", 10, quantity_milli=2_000), number=1),
        bought(-2, 10),
    )
    assert read("quantity_per_order", facts) == 4.0
    assert read("quantity_per_order", folded(bought(-2))) is None


def test_the_top_category_has_the_most_spend_and_ties_go_by_name() -> None:
    facts = folded(
        bought(-90, 900, line("toys", 900)),
        bought(-3, 300, line("food", 100), line("garden", 100), line("art", 50)),
    )
    assert read("top_category", facts) == "toys"
    assert [read("top_category", facts, days=30, rank=n) for n in (1, 2, 3, 4)] == [
        *("food", "garden", "art"), None]  # fmt: skip
    assert read("top_category", Facts()) is None


def test_a_purchase_late_in_the_evening_belongs_to_its_local_day() -> None:
    at = NOW - NOW % DAY_S - 1  # a second before midnight UTC: already tomorrow in summer time
    event = Purchase(
        event_id="e", source="t", occurred_at=at, order_id="o", net_amount_minor=5, currency="GBP",
        channel="online",
    )  # fmt: skip
    assert read("spend", folded(event), days=1, channel="online") == 5
