"""`fold`: any order of the same events gives the same facts, byte for byte."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import events
from models.calendar import DAY_S
from models.fold import PROFILE_MAX, fold
from models.fold_cases import COMPLAINTS_MAX, FEEDBACK_MAX, RETRACTED
from models.fold_series import RETENTION_DAYS
from tests.models.lives import (
    DAY0,
    LATENESS_DAYS,
    T0,
    TODAY,
    UTC,
    complaint,
    engagement,
    feedback,
    folded,
    lives,
    of,
    pack,
    profile,
    purchase,
    refund,
)


@given(lives, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_facts(
    happened: list[events.CustomerEvent], random: Random
) -> None:
    assert folded(happened) == folded(random.sample(happened, len(happened)))


@given(lives, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_bytes(
    happened: list[events.CustomerEvent], random: Random
) -> None:
    assert pack(folded(happened)) == pack(folded(random.sample(happened, len(happened))))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9_999)), max_size=20))
def test_purchases_are_counted_by_day(bought: list[tuple[int, int]]) -> None:
    facts = folded([purchase(T0 + day * DAY_S, minor) for day, minor in bought])
    days = sorted({day for day, _ in bought})
    assert facts.days == [DAY0 + day for day in days]
    assert facts.net_minor == [sum(m for d, m in bought if d == day) for day in days]
    assert facts.orders == [sum(1 for d, _ in bought if d == day) for day in days]
    assert facts.purchase_days == len(days)
    if bought:
        assert facts.first_purchase_at == T0 + days[0] * DAY_S
        assert facts.last_purchase_at == T0 + days[-1] * DAY_S


def test_a_refund_is_booked_where_its_purchase_is() -> None:
    facts = folded([refund(T0 + 9 * DAY_S, 70, purchased_at=T0, full=True)])
    assert facts.series == {
        "refund": ([DAY0], [70]),
        "refunds": ([DAY0], [1]),
        "cancelled": ([DAY0], [1]),
    }
    assert facts.first_seen_at == T0 + 9 * DAY_S


def test_a_refund_without_its_purchase_is_booked_where_it_happened() -> None:
    assert folded([refund(T0, 70)]).series == {"refund": ([DAY0], [70]), "refunds": ([DAY0], [1])}


def test_another_currency_is_kept_apart() -> None:
    facts = folded(
        [purchase(T0, 500), purchase(T0, 700, currency="USD"), refund(T0, 9, currency="USD")]
    )
    assert (facts.currency, facts.net_minor, facts.orders) == ("EUR", [500], [2])
    assert facts.series["net:USD"] == ([DAY0], [700])
    assert facts.series["refund:USD"] == ([DAY0], [9])


def test_a_correction_waits_for_its_complaint() -> None:
    """An amendment that overtook its complaint is not lost."""
    opened = complaint(T0, "opened", severity="low")
    amended = complaint(T0 + 60, "amended", severity="critical")
    facts = folded([amended])
    assert [case.opened_at for case in facts.complaints] == [None]
    assert folded([amended, opened]) == folded([opened, amended])
    assert folded([amended, opened]).complaints[0].detail == (T0 + 60, 2, 4)


def test_a_correction_whose_complaint_never_came_is_let_go() -> None:
    facts = folded([complaint(T0, "resolved"), feedback(T0, "amended")])
    assert len(facts.complaints) == len(facts.feedback) == 1
    later = T0 + (LATENESS_DAYS + 1) * DAY_S
    for event in (complaint(later, key="other"), feedback(later, key="other")):
        fold(facts, event, UTC, UTC.day(later), LATENESS_DAYS)
    assert [case.opened_at for case in facts.complaints] == [later]
    assert [case.given_at for case in facts.feedback] == [later]


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("action", ["opened", "acknowledged", "resolved", "reopened"])
def test_a_retracted_complaint_stays_retracted_whatever_other_steps_say(
    action: str, turn: int
) -> None:
    """The desk may close it afterwards, or its clock be behind the shop's."""
    steps = [complaint(T0), complaint(T0 - 2, "retracted"), complaint(T0 + 2, action)]
    assert folded(steps[::turn]).complaints[0].status[:2] == (T0 - 2, RETRACTED)


def test_feedback_is_amended_and_retracted_by_event_time() -> None:
    given_, amended = feedback(T0, score=3), feedback(T0 + 5, "amended", score=8)
    retracted = feedback(T0 + 9, "retracted")
    assert folded([amended, given_]).feedback[0].value[-1] == 9  # the score is kept as score + 1
    assert folded([retracted, given_, amended]).feedback[0].value[:2] == (T0 + 9, 1)


@pytest.mark.parametrize("turn", [1, -1])
def test_the_newest_profile_wins_and_the_larger_value_a_tie(turn: int) -> None:
    assert folded([profile(T0, city="York"), profile(T0 + 1, city="Bath")][::turn]).profile == {
        "city": (T0 + 1, "Bath")
    }
    assert folded([profile(T0, city="York"), profile(T0, city="Bath")][::turn]).profile == {
        "city": (T0, "York")
    }


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_of_the_same_instant_a_consent_withdrawn_wins(turn: int) -> None:
    for name, wins in (("consents.marketing.granted", False), ("custom.is_member", True)):
        said = [of(events.Profile, T0, patch={name: value}) for value in (True, False)]
        assert folded(said[::turn]).profile == {name: (T0, wins)}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_deleted_attribute_stays_deleted(turn: int) -> None:
    assert folded([profile(T0, city="York"), profile(T0 + 1, city=None)][::turn]).profile == {
        "city": (T0 + 1, None)
    }


def test_too_many_cases_are_counted_instead_of_kept() -> None:
    many = [complaint(T0 + i, key=f"k{i}", severity="high") for i in range(COMPLAINTS_MAX + 5)]
    more = [feedback(T0 + i, key=f"f{i}", score=8) for i in range(FEEDBACK_MAX + 4)]
    facts = folded([*many, *more])
    assert len(facts.complaints) == COMPLAINTS_MAX
    assert facts.series["c:23"] == ([DAY0], [5])
    assert len(facts.feedback) == FEEDBACK_MAX
    assert facts.series["f:12"] == ([DAY0], [4])
    assert facts.series["fs:12"] == ([DAY0], [32])


def test_what_was_counted_instead_of_kept_is_corrected_by_its_original() -> None:
    """All are retracted, the oldest first: none is left, and none takes another's place."""
    number = COMPLAINTS_MAX + 5
    many = [complaint(T0 + i, key=f"k{i:02}", severity="high") for i in range(number)]
    more = [feedback(T0 + i, key=f"f{i:02}", score=8) for i in range(FEEDBACK_MAX + 4)]
    facts = folded([*many, *more])
    amended = complaint(
        T0 + 90, "amended", "k00", type="billing", severity="low",
        original=events.ComplaintValues(occurred_at=T0, type="delivery", severity="high"),
    )  # fmt: skip
    fold(facts, amended, UTC, DAY0, LATENESS_DAYS)
    assert (facts.series["c:23"], facts.series["c:31"]) == (([DAY0], [4]), ([DAY0], [1]))
    for i, each in enumerate([amended, *many[1:]]):
        said = events.ComplaintValues(occurred_at=T0 + i, type=each.type, severity=each.severity)
        gone = complaint(T0 + 100, "retracted", each.complaint_id, original=said)
        fold(facts, gone, UTC, DAY0, LATENESS_DAYS)
    for i, answer in enumerate(more):
        was = events.FeedbackValues(occurred_at=T0 + i, metric="nps", polarity="positive", score=8)
        back = feedback(T0 + 100, "retracted", answer.feedback_id, original=was)
        fold(facts, back, UTC, DAY0, LATENESS_DAYS)
    assert all(values == [0] for _, values in facts.series.values())
    assert {case.status[1] for case in facts.complaints} == {RETRACTED}
    assert all(case.value[1] for case in facts.feedback)


def test_a_full_profile_learns_what_is_new_of_what_it_knows() -> None:
    facts = folded([profile(T0, **{f"custom.{number:03}": 0 for number in range(PROFILE_MAX)})])
    later = profile(T0 + 1, **{"custom.000": 1, "custom.new": 1})
    fold(facts, later, UTC, TODAY, LATENESS_DAYS)
    assert facts.profile["custom.000"] == (T0 + 1, 1)
    assert len(facts.profile) == PROFILE_MAX
    assert "custom.new" not in facts.profile


def test_usage_is_an_amount_of_a_unit() -> None:
    half = [engagement(T0, "a", unit="hours"), engagement(T0, "a", quantity_milli=500)]
    assert folded(half).series == {"e:a": ([DAY0], [2])}
    whole = engagement(T0, "a", unit="hours", quantity_milli=500)
    assert folded([whole]).series == {"e:a": ([DAY0], [1]), "u:hours": ([DAY0], [500])}


def test_retention_keeps_life_time_sums() -> None:
    facts = folded([purchase(T0, 500), refund(T0, 100)], today=DAY0)
    fold(facts, purchase(T0 + 20 * DAY_S, 1), UTC, DAY0 + RETENTION_DAYS + 1, LATENESS_DAYS)
    assert (facts.pruned_net_minor, facts.pruned_orders) == (400, 1)
    assert facts.days == [DAY0 + 20]
    assert facts.purchase_days == 2
