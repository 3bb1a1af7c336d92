"""Stories: the examples of rulebooks as canonical events."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.calendar import day_number
from models.errors import BadEvent, BadRulebook
from models.events import Complaint, Feedback, Profile, Purchase, Refund
from rules.compiler.compile import compile_book
from rules.examples.rehearsal import Rehearsal
from rules.examples.stories import Story
from rules.examples.timeline import Moment, timeline
from rules.language.check_examples import refuse_impossible
from rules.language.rulebook import read
from streams.commands.books import proofread
from tests.rules.strategies import ZONE

BOOK: dict[str, Any] = {
    "rulebook": "shop", "version": 1, "zone": "UTC", "currency": "GBP",
    "tiers": {"ladder": [{"name": "base"}]},
}  # fmt: skip


def moments(*steps: dict[str, Any]) -> list[Moment]:
    story = Story.model_validate({"name": "x", "story": list(steps)})
    return timeline(story, ZONE, "GBP")


def test_a_date_is_noon_in_the_zone() -> None:
    (moment,) = moments({"at": "2026-07-01", "expect": {"tier": "base"}})
    assert ZONE.date(ZONE.day(moment.at)) == date(2026, 7, 1)
    assert moment.at == ZONE.start(day_number(date(2026, 7, 1))) + 12 * 3_600
    assert moment.event is None


def test_a_repeated_step_is_several_events_and_expects_at_the_last() -> None:
    step = {"at": "2026-01-05", "purchase": {"amount": 12.5}, "times": 3, "every": "10d"}
    played = moments(step | {"expect": {"tier": "base"}})
    assert [ZONE.date(ZONE.day(m.at)).isoformat() for m in played] == [
        "2026-01-05", "2026-01-15", "2026-01-25",
    ]  # fmt: skip
    assert [m.expect is not None for m in played] == [False, False, True]
    events = [m.event for m in played]
    assert all(isinstance(e, Purchase) and e.net_amount_minor == 1_250 for e in events)
    assert len({e.event_id for e in events if e is not None}) == 3


def test_repeated_steps_are_played_in_order_of_time() -> None:
    played = moments(
        {"at": "2026-01-05", "purchase": {"amount": 1}, "times": 2, "every": "30d"},
        {"at": "2026-01-10", "complaint": {"severity": "high"}},
    )
    assert [type(m.event) for m in played] == [Purchase, Complaint, Purchase]


def test_an_earlier_order_supplies_the_day_of_its_refund() -> None:
    bought, returned = moments(
        {"at": "2026-01-05", "purchase": {"amount": 10, "order": "O"}},
        {"at": "2026-02-05", "refund": {"amount": 10, "order": "O", "full": True}},
    )
    assert isinstance(returned.event, Refund)
    assert returned.event.purchased_at == bought.at
    assert returned.event.full


@pytest.mark.parametrize(
    ("said", "polarity"),
    [
        ({"metric": "csat", "score": 4}, "positive"),
        ({"metric": "csat", "score": 3}, "neutral"),
        ({"metric": "nps", "score": 6}, "negative"),
        ({"metric": "label", "polarity": "negative"}, "negative"),
    ],
)
def test_feedback_without_polarity_takes_it_from_the_score(
    said: dict[str, Any], polarity: str
) -> None:
    (moment,) = moments({"at": "2026-01-05", "feedback": said})
    assert isinstance(moment.event, Feedback)
    assert moment.event.polarity == polarity


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Kiritimati"])
@pytest.mark.parametrize("day", ["1970-01-02", "2099-12-31"])
def test_the_first_day_and_the_last_can_be_played(zone: str, day: str) -> None:
    text = f"""
rulebook: x
version: 1
zone: {zone}
currency: GBP
tiers: {{ladder: [{{name: base}}]}}
examples: [{{name: x, story: [{{at: {day}, purchase: {{amount: 1}}, expect: {{tier: base}}}}]}}]
"""
    (story,) = compile_book(text).source.examples
    rehearsal = Rehearsal(text)
    rehearsal.play(story)
    assert rehearsal.failures == []


@pytest.mark.parametrize(
    "said",
    [
        {"industry": "retail", "custom.seats": 20, "custom.plan": None},
        {"industry": "retail", "custom": {"seats": 20, "plan": None}},
    ],
)
def test_a_profile_step_is_a_patch_in_dotted_names_or_in_objects(said: dict[str, Any]) -> None:
    (moment,) = moments({"at": "2026-01-05", "profile": said})
    assert isinstance(moment.event, Profile)
    assert moment.event.patch == {"industry": "retail", "custom.seats": 20, "custom.plan": None}


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ({"feedback": {"metric": "csat", "score": 9}}, "not on the csat scale of 1 to 5"),
        ({"feedback": {"metric": "csat"}}, "neither score nor polarity is given"),
        ({"profile": {"consents.marketing.granted": "yes"}}, "granted: should be a valid boolean"),
        ({"profile": {"income": 5_000}}, "patch.income: "),
        ({"profile": {"income.amount_minor": 5_000}}, "patch.income.currency: missing"),
        ({"profile": {"ocupation": "doctor"}}, "left out; did you mean occupation?"),
        ({"profile": {"custom": {}, "custom.seats": 2}}, "as a whole and as custom.seats"),
        ({"activity": {"kind": "relation.linked"}}, "needs other_customer_id"),
        ({"activity": {"kind": "stay", "quantity": 1.23456}}, "more than 3 decimals"),
        ({"purchase": {"amount": 10.005}}, "amounts are whole minor units"),
        ({"complaint": {"outcome": "satisfied"}}, "with the action resolved only"),
    ],
)
def test_what_ingress_refuses_cannot_happen(step: dict[str, Any], what: str) -> None:
    steps = [{"at": "2026-01-04"}, {"at": "2026-01-05", **step}]
    with pytest.raises(BadEvent, match=what):
        moments(*steps)
    text = json.dumps({**BOOK, "examples": [{"name": "x", "story": steps}]}, indent=1)
    with pytest.raises(BadRulebook, match=what) as refused:
        refuse_impossible(*read(text, "shop.yaml"))
    line = next(n for n, each in enumerate(text.splitlines()) if "2026-01-05" in each)
    assert f"shop.yaml:{line}: ingress refuses this: " in str(refused.value)
    assert compile_book(text).name == "shop"  # what runs already goes on


def failures(book: dict[str, Any], *steps: dict[str, Any]) -> list[str]:
    rehearsal = Rehearsal(json.dumps(book))
    rehearsal.play(Story.model_validate({"name": "x", "story": list(steps)}))
    return [what for _, what in rehearsal.failures]


PURCHASED = {"at": "2026-01-05", "purchase": {"amount": 10}, "times": 5, "every": "5d"}
ACTING = BOOK | {
    "churn": {
        "horizon": "90d",
        "bands": {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}},
    },
    "parameters": {"some": {"value": 2, "unit": "orders", "why": "x"}},
    "dimensions": {
        "d": {"measure": "orders()", "levels": [{"name": "a", "from": "some"}, {"name": "b"}]}
    },
    "policies": {"d": {"while": "segment.d == 'a'"}},
    "actions": {"d": {"when": "entered(segment.d, 'a')"}},
}


@pytest.mark.parametrize("name", ["tier", "band", "policies", "actions", "changes"])
def test_null_is_unknown_or_none_and_compared(name: str) -> None:
    first = {"at": "2026-01-05", "purchase": {"amount": 10}}
    second = first | {"expect": {name: None}}
    assert len(failures(ACTING, first, second)) == 1
    assert failures(ACTING, first, first | {"expect": {"warning": None, "reason": None}}) == []
    nothing = {"tier": None, "band": None, "policies": None, "actions": None, "changes": None}
    assert failures(ACTING, {"at": "2026-01-05", "expect": nothing}) == []


def test_a_dimension_a_policy_and_an_action_may_have_one_name() -> None:
    expect = {"changes": {"d": ["b", "a"]}, "policies": ["d"], "actions": ["d"]}
    assert failures(ACTING, PURCHASED | {"times": 2, "expect": expect}) == []
    assert failures(ACTING, PURCHASED | {"times": 2, "expect": {"changes": None}}) == [
        "x, on 2026-01-10: something changed: action d, band, d, policy d"
    ]


def test_of_a_dimension_without_a_category_what_is_unknown_is_named() -> None:
    score = "feedback_mean(metric='csat') <= bad or average_order(days=9) > low"
    cases = [{"name": "cross", "when": score}, {"name": "calm", "otherwise": True}]
    low = {"value": 3, "unit": "GBP", "why": "w"}
    bad = {"value": 2.5, "unit": "score", "why": "w"}
    book = BOOK | {
        "parameters": {"low": low, "bad": bad},
        "dimensions": {"mood": {"first_match": cases}},
    }
    expect = {"expect": {"segment": {"mood": "calm"}}}
    assert failures(book, {"at": "2026-01-05", "purchase": {"amount": 1}} | expect) == [
        "x, on 2026-01-05: mood is nothing, not (calm) (unknown: feedback_mean)"
    ]
    late = {"at": "2026-02-05"} | expect
    assert failures(book, {"at": "2026-01-05", "purchase": {"amount": 1}}, late) == [
        "x, on 2026-02-05: mood is nothing, not (calm) (unknown: feedback_mean, average_order)"
    ]


def test_rfm_is_rehearsed_with_the_cuts_of_an_example() -> None:
    cuts = {"recency": [9, 30, 90, 365], "frequency": [1, 2, 3, 4], "monetary": [10, 20, 30, 49.99]}
    book = BOOK | {"rfm": True}
    story = [PURCHASED | {"expect": {"segment": {"rfm": "champions"}}}]
    rehearsal = Rehearsal(json.dumps(book))
    rehearsal.play(Story.model_validate({"name": "x", "cuts": cuts, "story": story}))
    assert rehearsal.failures == []
    assert failures(book, *story) == [
        "x, on 2026-01-25: rfm is nothing, not (champions) (unknown: rfm.r, rfm.f, rfm.m)"
    ]
    example = {"name": "x", "cuts": cuts | {"recency": [9, 8, 7, 6]}, "story": story}
    with pytest.raises(BadRulebook, match=r"shop.yaml:1: .*recency: does not rise"):
        refuse_impossible(*read(json.dumps(book | {"examples": [example]}), "shop.yaml"))


def test_what_does_not_come_true_is_of_its_step() -> None:
    story = [PURCHASED, PURCHASED | {"expect": {"band": "high"}}, {"at": "2026-02-01"}]
    rehearsal = Rehearsal(json.dumps(ACTING))
    rehearsal.play(Story.model_validate({"name": "x", "story": story}))
    assert rehearsal.failures == [(1, "x, on 2026-01-25: band is low, not high")]


def test_a_book_file_is_refused_with_what_cannot_happen(tmp_path: Path) -> None:
    story = [{"at": "2026-01-05", "feedback": {"metric": "csat", "score": 9}}]
    (tmp_path / "shop.yaml").write_text(
        json.dumps({**BOOK, "examples": [{"name": "x", "story": story}]})
    )
    with pytest.raises(BadRulebook, match="not on the csat scale"):
        proofread(tmp_path / "shop.yaml")


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([{"at": "2026-02-01"}, {"at": "2026-01-01"}], "in the order of time"),
        (
            [{"at": "2026-02-01", "purchase": {"amount": 1}, "activity": {"kind": "x"}}],
            "a step has one event",
        ),
        ([{"at": "2026-02-01", "times": 5_000}], "less than or equal to 400"),
        ([{"at": "2026-02-01", "times": "3"}], "should be a valid integer"),
        ([{"at": "2026-02-01", "hold_cleared": 1}], "should be True"),
        ([{"at": "2206-01-05"}], "less than or equal to 2099-12-31"),
        ([{"at": "1900-01-05"}], "greater than or equal to 1970-01-02"),
        ([{"at": "2026-01-05", "times": 400, "every": "999d"}], "lead beyond 2099-12-31"),
        ([{"at": "2026-01-05", "hold": {"until": "9999-12-31"}}], "or equal to 2099-12-31"),
    ],
)
def test_steps_that_cannot_be(steps: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        moments(*steps)
