"""RFM grades: how buyers are cut, and the eleven segments of a real year, by their known sizes."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import Calendar, calendar, day_number
from models.churn_model import RiskModel
from models.customer import Facts
from models.events import Purchase, Refund, RfmCutsActivated
from models.fold import fold
from models.rfm import Habits, RfmCuts, cuts_of
from rules.book import Given
from rules.facts.given import frequency, monetary, recency
from streams.jobs.rfm import habits_of, segments_of

INVOICES = Path(__file__).parents[2] / "deploy" / "data" / "online_retail_invoices.csv.gz"
LONDON = calendar("Europe/London")
LAST_DAY = day_number(date(2011, 12, 9))
LATENESS_DAYS = 30

HABITS = st.builds(Habits, st.integers(0, 900), st.integers(0, 40), st.integers(0, 10**7))
BUYERS = st.lists(HABITS, min_size=5, max_size=60)


def year(*, free: bool, returns: bool) -> list[Facts]:
    """Fold the sample year; `free`: with orders that cost nothing."""
    customers: dict[str, Facts] = {}
    for row in invoices():
        amount = int(row["amount_minor_gbp"])
        if (amount == 0 and not free) or (amount < 0 and not returns):
            continue
        facts = customers.setdefault(row["customer"], Facts())
        fold(facts, event_of(row, amount), LONDON, LAST_DAY, LATENESS_DAYS)
    return list(customers.values())


def invoices() -> Iterator[dict[str, str]]:
    with gzip.open(INVOICES, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def event_of(row: dict[str, str], amount: int) -> Purchase | Refund:
    local = datetime.fromisoformat(row["invoice_time"])
    at = LONDON.start(day_number(local.date())) + local.hour * 3_600 + local.minute * 60
    if amount < 0:
        return Refund(
            event_id=row["invoice"], source="shop", occurred_at=at, refund_id=row["invoice"],
            amount_minor=-amount, currency="GBP", kind="return",
        )  # fmt: skip
    return Purchase(
        event_id=row["invoice"], source="shop", occurred_at=at, order_id=row["invoice"],
        net_amount_minor=amount, currency="GBP",
    )  # fmt: skip


def habits(customers: list[Facts], zone: Calendar = LONDON) -> list[Habits]:
    found = (habits_of(facts, zone, LAST_DAY) for facts in customers)
    return [each for each in found if each is not None]


def test_the_known_cuts_and_segments_of_the_sample_year() -> None:
    """Whole days since the last purchase, counted at the midnight that begins 10 December."""
    buyers = habits(year(free=False, returns=False))
    cuts = cuts_of(buyers)
    assert len(buyers) == 4_338
    assert cuts.recency == pytest.approx((12.8, 32, 71, 179))
    assert cuts.frequency == pytest.approx((1, 2, 3, 6))
    assert [round(cut / 100, 2) for cut in cuts.monetary] == [250.19, 490.10, 942.28, 2_058.43]
    assert segments_of(buyers, cuts) == {
        "champions": 798,
        "loyal": 403,
        "potential_loyalist": 307,
        "new": 407,
        "promising": 243,
        "need_attention": 254,
        "about_to_sleep": 229,
        "at_risk": 348,
        "cannot_lose": 123,
        "hibernating": 659,
        "lost": 567,
    }


def test_returns_are_taken_off_and_free_orders_count() -> None:
    buyers = habits(year(free=True, returns=True))
    cuts = cuts_of(buyers)
    assert len(buyers) == 4_339
    assert cuts.frequency == pytest.approx((1, 2, 3, 6))
    assert cuts.monetary[3] < 205_843
    assert sum(segments_of(buyers, cuts).values()) == 4_339


@given(BUYERS, st.randoms())
def test_equal_buyers_have_equal_grades_in_any_order(buyers: list[Habits], chance: Random) -> None:
    cuts = cuts_of(buyers)
    shuffled = buyers.copy()
    chance.shuffle(shuffled)
    assert cuts_of(shuffled) == cuts
    for grades in map(cuts.grades, buyers):
        assert all(1 <= grade <= 5 for grade in grades)


@given(BUYERS)
def test_better_habits_have_no_worse_grades(buyers: list[Habits]) -> None:
    cuts = cuts_of(buyers)
    for one, other in pairwise(buyers):
        mine, others = cuts.grades(one), cuts.grades(other)
        assert one.recency_days > other.recency_days or mine.r >= others.r
        assert one.orders < other.orders or mine.f >= others.f
        assert one.spend_minor < other.spend_minor or mine.m >= others.m


@given(st.integers(5, 200))
def test_without_ties_the_fifths_are_of_one_size(count: int) -> None:
    buyers = [Habits(number, number, number) for number in range(count)]
    cuts = cuts_of(buyers)
    sizes = Counter(cuts.grades(buyer).f for buyer in buyers)
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert max(sizes.values()) - min(sizes.values()) <= 1


@given(HABITS.filter(lambda each: each.orders > 0))
def test_grades_are_those_of_the_rules(wanted: Habits) -> None:
    cuts = RfmCuts((5.5, 30, 90, 200), (1, 2, 3, 6), (100, 4_000, 20_000, 60_000))
    facts = Facts()
    for number in range(wanted.orders):
        amount = wanted.spend_minor if number == 0 else 0
        at = LONDON.start(LAST_DAY - wanted.recency_days)
        event = Purchase(
            event_id=f"p{number}", source="shop", occurred_at=at, order_id=f"o{number}",
            net_amount_minor=amount, currency="GBP",
        )  # fmt: skip
        fold(facts, event, LONDON, LAST_DAY, LATENESS_DAYS)
    assert habits_of(facts, LONDON, LAST_DAY) == wanted
    activated = RfmCutsActivated(number=1, by="test", version=1, **cuts._asdict())
    era = Given(activated, RiskModel())
    read = tuple(fact(facts, LONDON, LAST_DAY, era, 0.0) for fact in (recency, frequency, monetary))
    assert read == cuts.grades(wanted)


def test_too_few_buyers_are_not_cut() -> None:
    with pytest.raises(ValueError, match="4 buyers cannot be cut into 5 grades"):
        cuts_of([Habits(1, 1, 1)] * 4)
