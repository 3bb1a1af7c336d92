"""What `fold` makes of lines and channels, and that it stays within bounds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import events, fold_series
from models.calendar import DAY_S
from models.customer import CustomerState, Facts, Part
from models.customer import pack as packed
from models.fold import fold
from models.fold_sales import CATEGORIES_MAX, MIXED
from models.fold_series import BUCKETS_MAX, RETENTION_DAYS, SERIES_MAX
from streams.log.port import BATCH_BYTES_MAX
from tests.models.lives import (
    DAY0,
    LATENESS_DAYS,
    T0,
    TODAY,
    UTC,
    engagement,
    folded,
    line,
    lives,
    pack,
    purchase,
    refund,
)


def test_a_plain_purchase_leaves_nothing_but_its_day() -> None:
    facts = folded([purchase(T0, 500), purchase(T0 + DAY_S, 700)])
    assert (facts.series, facts.channels, facts.categories) == ({}, {}, {})


def test_one_channel_costs_nothing_and_a_second_one_its_days() -> None:
    online = [purchase(T0 + day * DAY_S, 500, channel="online") for day in range(3)]
    one = folded(online)
    assert (one.sole_channel, one.channels) == (1, {})
    assert len(pack(one)) == len(pack(folded([purchase(e.occurred_at, 500) for e in online])))
    two = folded([*online, purchase(T0, 100, channel="offline")])
    assert two.sole_channel == MIXED
    assert two.channels == {
        "offline": Part([DAY0], [100], [0], [1], [0], [0]),
        "online": Part([DAY0, DAY0 + 1, DAY0 + 2], [500] * 3, [0] * 3, [1] * 3, [0] * 3, [0] * 3),
    }


def test_a_purchase_without_a_channel_among_others_belongs_to_none() -> None:
    facts = folded([purchase(T0, 500), purchase(T0, 300, channel="online")])
    assert facts.sole_channel == MIXED
    assert facts.channels == {"online": Part([DAY0], [300], [0], [1], [0], [0])}


def test_the_largest_order_is_kept_only_where_the_sum_does_not_tell() -> None:
    assert "largest" not in folded([purchase(T0, 500), purchase(T0 + DAY_S, 700)]).series
    assert "largest" not in folded([purchase(T0, 500), purchase(T0, 0)]).series
    several = folded([purchase(T0, minor) for minor in (200, 500, 0, 400)])
    assert several.series["largest"] == ([DAY0], [500])


def test_lines_are_booked_by_category_and_kind() -> None:
    bought = purchase(
        T0,
        900,
        lines=(
            line("food", 300, quantity_milli=1_500, list_amount_minor=400),
            line("food", 100, custom=True),
            line("toys", 500, grade="premium", own_brand=True, list_amount_minor=500),
        ),
    )
    facts = folded([bought])
    assert {name: values for name, (_, values) in facts.series.items()} == {
        "lines": [900], "custom": [100], "premium": [500], "own_brand": [500],
        "discounted": [300], "listed": [900], "paid": [800], "quantity": [1_500],
    }  # fmt: skip
    assert facts.categories["food"] == Part([DAY0], [400], [0], [1], [1_500], [0])
    assert facts.categories["toys"].orders == [1]


def test_a_refund_takes_off_the_lines_and_the_channel_that_it_names() -> None:
    lines = (line("food", 300, quantity_milli=2_000, custom=True),)
    bought = purchase(T0, 300, channel="online", lines=lines)
    back = refund(T0 + DAY_S, 300, purchased_at=T0, full=True, channel="online", lines=lines)
    facts = folded([bought, back])
    assert facts.categories["food"] == Part([DAY0], [300], [300], [0], [0], [0])
    assert facts.channels["online"] == Part([DAY0], [0], [300], [-1], [-2_000], [0])
    assert facts.series["lines"] == facts.series["custom"] == ([DAY0], [0])
    assert facts.series["returned"] == ([DAY0], [2_000])


def test_a_coupon_is_a_discount_on_every_line() -> None:
    facts = folded([purchase(T0, 300, coupon="TEN", lines=(line("food", 300),))])
    assert facts.series["discounted"] == ([DAY0], [300])


def test_categories_beyond_the_limit_share_one() -> None:
    many = tuple(line(f"category {number:03}", 10) for number in range(CATEGORIES_MAX + 5))
    facts = folded([purchase(T0, 1_000, lines=many)])
    assert len(facts.categories) == CATEGORIES_MAX + 1
    assert facts.categories["other"].net_minor == [50]
    assert list(facts.categories) == sorted(facts.categories)


def test_names_of_ones_own_never_crowd_out_what_spend_needs() -> None:
    kinds = [engagement(T0, f"kind {number}") for number in range(SERIES_MAX + 5)]
    facts = folded([*kinds, refund(T0, 70, full=True)])
    assert facts.series["e:other"] == ([DAY0], [5])
    assert facts.series["refund"] == ([DAY0], [70])
    assert facts.series["cancelled"] == ([DAY0], [1])


def test_who_comes_back_after_years_may_come_through_another_channel() -> None:
    facts = folded([purchase(T0, 500, channel="online"), engagement(T0, "visit")], today=DAY0)
    today = DAY0 + RETENTION_DAYS + 9
    later = T0 + (RETENTION_DAYS + 9) * DAY_S
    for event in (engagement(later, "visit"), purchase(later, 70, channel="offline")):
        fold(facts, event, UTC, today, LATENESS_DAYS)
    assert (facts.sole_channel, facts.pruned_net_minor) == (MIXED, 500)
    assert facts.channels == {"offline": Part([today], [70], [0], [1], [0], [0])}


def test_parts_are_let_go_of_with_their_days() -> None:
    facts = folded([purchase(T0, 500, lines=(line("food"),))], today=DAY0)
    late = purchase(T0 + 20 * DAY_S, 1, lines=(line("toys"),))
    fold(facts, late, UTC, DAY0 + RETENTION_DAYS + 1, LATENESS_DAYS)
    assert set(facts.categories) == {"toys"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives, st.randoms(use_true_random=False))
def test_a_crowded_memory_is_shortened_alike_in_any_order(
    monkeypatch: pytest.MonkeyPatch, happened: list[events.CustomerEvent], random: Random
) -> None:
    monkeypatch.setattr(fold_series, "BUCKETS_MAX", 9)
    monkeypatch.setattr(fold_series, "_SURELY_FIT", 0)
    one, other = folded(happened), folded(random.sample(happened, len(happened)))
    assert pack(one) == pack(other)


def test_the_fullest_trade_fits_a_record() -> None:
    """Every category, channel and series with the largest amounts on each day that is kept."""
    days = list(range(TODAY - RETENTION_DAYS, TODAY + 2))
    wide = "\U0001f600" * 128
    names = [f"{number:02}{wide[:126]}" for number in range(CATEGORIES_MAX)]
    facts = folded([purchase(T0, 1, lines=tuple(line(name) for name in names))])
    for kind in range(SERIES_MAX):
        fold(facts, engagement(T0, f"{kind:02}{wide[:62]}"), UTC, TODAY, LATENESS_DAYS)
    for counted, values in facts.series.values():
        counted[:], values[:] = days, [10**15] * len(days)
    for part in facts.categories.values():
        for name in part.__struct_fields__[1:]:
            getattr(part, name)[:] = [10**15] * len(days)
        part.days[:] = days
    fold(facts, engagement(T0, "another"), UTC, TODAY, LATENESS_DAYS)
    buckets = sum(len(counted) for counted, _ in facts.series.values())
    buckets += 4 * sum(len(part.days) for part in facts.categories.values())
    assert BUCKETS_MAX <= buckets < BUCKETS_MAX * 1.01  # the oldest day is kept whole
    assert len(packed(CustomerState(facts=facts))) < BATCH_BYTES_MAX - 150_000  # for the rest


def test_the_newest_days_are_those_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_series, "BUCKETS_MAX", 2)
    monkeypatch.setattr(fold_series, "_SURELY_FIT", 0)
    facts = Facts()
    for day in (0, 3, 1, 2):
        fold(facts, engagement(T0 + day * DAY_S, "visit"), UTC, TODAY, LATENESS_DAYS)
    assert facts.series == {"e:visit": ([DAY0 + 2, DAY0 + 3], [1, 1])}
