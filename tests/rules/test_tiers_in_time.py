"""Tiers in time: twelve stories, each with everything that is said about the tier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from models import events
from models.decisions import AnyDecision, SegmentChanged, TierChanged, TierWarning
from rules.examples.rehearsal import Rehearsal
from rules.examples.stories import Story
from rules.reduce import Reducer, Reduction
from tests.rules.driving import Driver, activation, at, book

_BOOK = """
rulebook: club
version: {version}
zone: Asia/Shanghai
currency: CNY
parameters:
  silver_year: {{value: 100, unit: CNY, why: "two orders"}}
  silver_stays: {{value: 80, unit: CNY, why: "four fifths"}}
  gold_year: {{value: 300, unit: CNY, why: "six orders"}}
  gold_stays: {{value: {gold_stays}, unit: CNY, why: "two thirds"}}
tiers:
  upgrade: immediate
  downgrade: one_step
  review: {review}
  refund: {refund}
  ladder:
    - {{name: base}}
    - name: silver
      qualify: spend({window}) >= silver_year
      keep: spend({window}) >= silver_stays
      grace: 20d{warn}
    - name: gold
      qualify: spend({window}) >= gold_year
      keep: spend({window}) >= gold_stays
      grace: 30d
      minimum_stay: 60d{warn}
"""
POINTS = """
rulebook: points
version: 1
zone: UTC
currency: EUR
parameters: {enough: {value: 1000, unit: score, why: "what the programme promises"}}
tiers:
  upgrade: immediate
  downgrade: to_qualified
  ladder:
    - {name: base}
    - {name: gold, qualify: score.balance >= enough, grace: 10d}
"""


def club(
    *,
    version: int = 1,
    review: str = "continuous",
    refund: str = "immediate",
    window: str = "days=90",
    gold_stays: int = 200,
    warn: str = "",
) -> str:
    """Return the rulebook of the stories; an order of 400 is enough for gold."""
    return _BOOK.format(
        version=version,
        review=review,
        refund=refund,
        window=window,
        gold_stays=gold_stays,
        warn=f"\n      warn: {warn}" if warn else "",
    )


def told(decisions: list[AnyDecision]) -> list[str]:
    """Return what was said about tiers, a line each; instants are UTC, eight hours behind."""
    return [
        _changed(decision) if isinstance(decision, TierChanged) else _warned(decision)
        for decision in decisions
        if isinstance(decision, TierChanged | TierWarning)
    ]


def _changed(decision: TierChanged) -> str:
    line = f"{decision.occurred_at[:16]} {decision.from_} → {decision.to}: {decision.reason}"
    line += ", as warned" if decision.warning_id else ""
    line += ", undoing" if decision.supersedes else ""
    review = decision.next_review_at
    return line + (f", next review {review[:10]}" if review else "")


def _warned(decision: TierWarning) -> str:
    lacks = [
        f"{m['fact']} {(m['need_minor'] - m['have_minor']) / 100:g}"
        if "need_minor" in m
        else f"{m['fact']} {m['need'] - m['have']:g}"
        for m in decision.missing
    ]
    return (
        f"{decision.occurred_at[:16]} {decision.state} {decision.warning_revision}: "
        f"{decision.tier} → {decision.falls_to} at {decision.ends_at[:16]}, {decision.reason}"
        + (f", lacks {', '.join(lacks)}" if lacks else "")
    )


def played(text: str, story: Story) -> Rehearsal:
    """Return a rehearsal that has played a story."""
    rehearsal = Rehearsal(text)
    rehearsal.play(story)
    return rehearsal


def _stories() -> dict[str, tuple[str, Story, list[str]]]:
    found = {}
    text = (Path(__file__).parent / "tiers_in_time.yaml").read_text()
    for name, entry in yaml.safe_load(text).items():
        book = entry.get("book", {})
        story = Story.model_validate({"name": name, "story": entry["story"]})
        found[name] = (POINTS if book == "points" else club(**book), story, entry["said"])
    return found


STORIES = _stories()


@pytest.mark.parametrize(("text", "story", "said"), STORIES.values(), ids=STORIES)
def test_a_story(text: str, story: Story, said: list[str]) -> None:
    rehearsal = played(text, story)
    assert rehearsal.failures == []
    assert told(rehearsal.said) == said


def test_every_warning_ends_once() -> None:
    for text, story, _ in STORIES.values():
        open_warnings: set[str] = set()
        for decision in played(text, story).said:
            if isinstance(decision, TierWarning):
                assert (decision.state == "set") == (decision.warning_id not in open_warnings)
                open_warnings ^= {decision.warning_id} if decision.state != "revised" else set()
            elif isinstance(decision, TierChanged) and decision.warning_id is not None:
                open_warnings.remove(decision.warning_id)
        assert len(open_warnings) <= 1  # the one that runs when the story ends


def _in_grace(text: str) -> Driver:
    """Return a gold customer of CNY, warned on the fifth day of April."""
    customer = Driver(club(), first_tick=at(0))
    customer.take(customer.purchase(at(1), 40_000, currency="CNY"))
    customer.pass_to(at(95))
    customer.activate(activation(1, text))
    customer.catch_up()
    customer.pass_to(at(140))
    return customer


@pytest.mark.parametrize(
    ("stays", "ends"),
    [(200, ["set", "gold → silver"]), (150, ["set", "gold → silver"]), (0, ["set", "cleared"])],
)
def test_a_new_book_in_grace_keeps_the_promise_or_clears_it(stays: int, ends: list[str]) -> None:
    customer = _in_grace(club(version=2, gold_stays=stays))
    lines = told(customer.said)[1:]
    assert ends[0] in lines[0]
    assert ends[1] in lines[1]
    deadline = next(d.ends_at for d in customer.said if isinstance(d, TierWarning))
    if "→" in ends[1]:
        assert lines[1].startswith(deadline[:16])


def test_gold_merged_with_silver() -> None:
    """She goes on from the higher tier and its beginning, with all that both have bought."""
    said: dict[str, list[AnyDecision]] = {"anna": [], "ann": []}
    one, other = Driver(club(), first_tick=at(0)), Driver(club(), first_tick=at(0))
    one.take(one.purchase(at(1), 15_000, currency="CNY"))
    other.take(other.purchase(at(2), 40_000, currency="CNY", event_id="of ann"))
    for driver in (one, other):
        driver.tick(at(50))
    reducer: Reducer = other.reducer
    merged = events.CustomersMerged(
        event_id="m", source="crm", occurred_at=at(50), absorbed="ann", survivor="anna", by="crm"
    )
    left = reducer.reduce("ann", other.state, merged, at(50), at(50))
    assert isinstance(left, Reduction)
    assert left.moved is not None
    assert left.state.moved_to == "anna"
    said["ann"] += left.decisions
    arrived = one.reducer.reduce("anna", one.state, left.moved, at(50), at(50))
    assert isinstance(arrived, Reduction)
    said["anna"] += arrived.decisions
    assert [line[17:] for line in told(said["ann"])] == ["gold → None: merged_into"]
    (change,) = (d for d in said["anna"] if isinstance(d, TierChanged))
    assert (change.from_, change.to, change.reason, change.origin) == (
        "silver", "gold", "qualified", "merge",
    )  # fmt: skip
    assert arrived.state.facts.net_minor == [15_000, 40_000]
    assert arrived.state.absorbed == ["ann"]
    again = one.reducer.reduce(
        "anna",
        arrived.state,
        events.CustomersMerged(
            event_id="b", source="crm", occurred_at=at(50), absorbed="anna", survivor="ann", by="x"
        ),
        at(50),
        at(50),
    )
    assert "circle" in getattr(again, "message", "")


def test_who_is_merged_into_somebody_unknown_keeps_her_standing() -> None:
    """A new id for an old customer: tier, override and hold go on."""
    one, other = Driver(club(), first_tick=at(0)), Driver(club(), first_tick=at(0))
    other.take(other.purchase(at(1), 40_000, currency="CNY"))
    held: Any = {"source": "crm", "occurred_at": at(2), "reason": "r", "by": "crm"}
    other.take(events.OverrideSet(event_id="o", override_id="o", tier="silver", **held))
    other.take(events.HoldSet(event_id="h", until=at(90), **held))
    one.tick(at(50))
    other.pass_to(at(50))
    merged = events.CustomersMerged(
        event_id="m", source="crm", occurred_at=at(50), absorbed="ann", survivor="anna", by="crm"
    )
    left = other.reducer.reduce("ann", other.state, merged, at(50), at(50))
    assert isinstance(left, Reduction)
    assert left.moved is not None
    before = left.moved
    one.take(before)
    (change,) = (d for d in one.said if isinstance(d, TierChanged))
    assert (change.from_, change.to, change.reason) == (None, "gold", "joined")
    assert change.tier_since == "2024-10-05T00:00:00Z"
    standing = one.known.concluded.standing
    assert standing is not None
    assert standing.override is not None
    assert standing.hold_until == at(90)


@pytest.mark.parametrize(
    "end",
    [
        events.CustomerErased(event_id="x", source="crm", occurred_at=at(1), basis="request"),
        events.CustomersMerged(
            event_id="x", source="crm", occurred_at=at(1), absorbed="anna", survivor="ann", by="x"
        ),
    ],
)
def test_who_is_erased_or_merged_leaves_every_category(end: events.CustomerEvent) -> None:
    """An audience that was built from segments alone has to hear of it, too."""
    groups = 'groups: {keen: {when: "orders(days=6) > 0"}}\n'
    customer = Driver(book() + groups, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    told = len(customer.said)
    customer.take(end)
    left = [d for d in customer.said[told:] if isinstance(d, SegmentChanged)]
    assert [(d.dimension, d.from_, d.to, d.current) for d in left] == [
        ("buyer", "active", None, ()),
        ("group.keen", "in", None, ()),
    ]
    customer.pass_to(at(100))
    assert customer.said[-1] is left[-1]
