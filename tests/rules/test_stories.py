"""Stories: the examples of rulebooks as canonical events."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from models.calendar import day_number
from models.events import Complaint, Feedback, Profile, Purchase, Refund
from rules.compiler.compile import compile_book
from rules.examples.rehearsal import Rehearsal
from rules.examples.stories import Story
from rules.examples.timeline import Moment, timeline
from tests.rules.strategies import ZONE


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


def test_a_profile_step_is_a_patch() -> None:
    (moment,) = moments({"at": "2026-01-05", "profile": {"industry": "retail"}})
    assert isinstance(moment.event, Profile)
    assert moment.event.patch == {"industry": "retail"}


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([{"at": "2026-02-01"}, {"at": "2026-01-01"}], "in the order of time"),
        (
            [{"at": "2026-02-01", "purchase": {"amount": 1}, "activity": {"kind": "x"}}],
            "a step has one event",
        ),
        ([{"at": "2026-02-01", "feedback": {"metric": "csat"}}], "a `score`, a `polarity`"),
        ([{"at": "2026-02-01", "times": 5_000}], "less than or equal to 400"),
        ([{"at": "2206-01-05"}], "less than or equal to 2099-12-31"),
        ([{"at": "1900-01-05"}], "greater than or equal to 1970-01-02"),
        ([{"at": "2026-01-05", "times": 400, "every": "999d"}], "lead beyond 2099-12-31"),
        ([{"at": "2026-01-05", "hold": {"until": "9999-12-31"}}], "or equal to 2099-12-31"),
    ],
)
def test_steps_that_cannot_be(steps: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        moments(*steps)
