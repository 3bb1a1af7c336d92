"""Laws of the reducer: what order, repeats, moments of looking and the due index cannot change."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any, TypeAlias

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from models import events
from models.customer import pack, unpack
from models.decisions import (
    AnyDecision,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    encode,
)
from rules.reduce import Reduction
from tests.rules.driving import GOLD, GRACED, Driver, activation, at, book
from tests.rules.laws import said

pack_facts = msgspec.msgpack.Encoder().encode
BOOKS = (
    book(),
    book(2, zone="Asia/Shanghai", gold=(150, 100)),
    book(3, downgrade="one_step", tiers=(GRACED, GOLD)),
    book(4, tiers=(GOLD,)).replace("name: active", "name: keen"),
)
HOUR_S = 3_600

Step: TypeAlias = events.CustomerEvent | events.EraEvent | int  # an int: seconds the clock moves


@st.composite
def customer_events(draw: st.DrawFn, first: int = -3, last: int = 12) -> events.CustomerEvent:
    """Make an event of a few days, with few ids of complaints and feedback."""
    common: dict[str, Any] = {
        "event_id": draw(st.uuids()).hex,
        "source": "test",
        "occurred_at": at(draw(st.integers(first, last)), draw(st.integers(0, 23))),
    }
    kind = draw(st.sampled_from(("purchase", "purchase", "refund", "complaint", "feedback")))
    if kind == "purchase":
        return events.Purchase(
            order_id="o", net_amount_minor=draw(st.integers(0, 12_000)), currency="EUR", **common
        )
    if kind == "refund":
        return events.Refund(
            refund_id="r",
            amount_minor=draw(st.integers(1, 6_000)),
            currency="EUR",
            kind="return",
            full=draw(st.booleans()),
            purchased_at=draw(st.none() | st.just(at(0))),
            **common,
        )
    if kind == "complaint":
        return events.Complaint(
            complaint_id=draw(st.sampled_from("kl")),
            action=draw(
                st.sampled_from(("opened", "amended", "resolved", "reopened", "retracted"))
            ),
            type=draw(st.sampled_from(("delivery", "billing"))),
            severity=draw(st.none() | st.sampled_from(events.SEVERITIES)),
            outcome=draw(st.none() | st.sampled_from(("satisfied", "rejected"))),
            **common,
        )
    return events.Feedback(
        feedback_id=draw(st.sampled_from("fg")),
        action=draw(st.sampled_from(("given", "amended", "retracted"))),
        kind="survey",
        metric="nps",
        score=draw(st.none() | st.integers(0, 10)),
        polarity=draw(st.sampled_from(("negative", "positive"))),
        **common,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Make a history: events, ticks that move the clock on, and activations of other eras."""
    moves = st.integers(0, 5 * 24).map(lambda hours: hours * HOUR_S + 7)
    kinds = st.one_of(customer_events(), customer_events(), moves, st.just("era"))
    steps: list[Step] = []
    for number, drawn in enumerate(draw(st.lists(kinds, max_size=20)), start=1):
        if not isinstance(drawn, str):
            steps.append(drawn)
        elif draw(st.booleans()):
            steps.append(activation(number, draw(st.sampled_from(BOOKS))))
        else:
            steps.append(
                events.ChurnModelActivated(
                    number=number, by="test", version=1, r=0.5, alpha_days=8.0, a=0.8, b=2.0
                )
            )
    return steps


def walk(customer: Driver, step: Step) -> None:
    """Let one step of a history happen, and nothing else."""
    if isinstance(step, int):
        customer.tick((customer.now or at(0)) + step)
    elif isinstance(step, events.EraChange):
        customer.activate(step)
    else:
        customer.take(step)


def told(decisions: list[AnyDecision]) -> list[bytes]:
    return [encode(decision) for decision in decisions]


def lived(history: list[Step]) -> Driver:
    """Return a customer who lived a history, brought to the present at its end."""
    customer = Driver(BOOKS[0], first_tick=at(0))
    for step in history:
        walk(customer, step)
    customer.catch_up()
    return customer


@given(st.lists(customer_events(), max_size=12), st.randoms(use_true_random=False))
def test_any_order_of_the_same_events_gives_the_same_facts(
    accepted: list[events.CustomerEvent], random: Random
) -> None:
    shuffled = random.sample(accepted, len(accepted))
    one, other = Driver(BOOKS[0], first_tick=at(0)), Driver(BOOKS[0], first_tick=at(0))
    for customer, order in ((one, accepted), (other, shuffled)):
        for event in order:
            assert isinstance(customer.take(event, at(13)), Reduction)
    if accepted:
        assert pack_facts(one.known.facts) == pack_facts(other.known.facts)
        assert one.known.seen == other.known.seen


@given(histories(), st.data())
def test_moments_of_looking_change_nothing(history: list[Step], data: st.DataObject) -> None:
    """The owner may look between any records, spread or not: states and outputs stay the same."""
    plain = lived(history)
    watched = Driver(BOOKS[0], first_tick=at(0))
    for step in history:
        for _ in range(data.draw(st.integers(0, 2))):
            if data.draw(st.booleans()):
                watched.look()
            else:
                watched.catch_up()
        walk(watched, step)
        if watched.state is not None:  # and it may go to the store and come back at any time
            watched.state = unpack(pack(watched.state))
    watched.catch_up()
    assert watched.packed == plain.packed
    assert told(watched.said) == told(plain.said)


@given(histories(), st.data())
def test_repeats_change_nothing(history: list[Step], data: st.DataObject) -> None:
    plain = lived(history)
    customer = Driver(BOOKS[0], first_tick=at(0))
    for index, step in enumerate(history):
        walk(customer, step)
        before = [s for s in history[: index + 1] if not isinstance(s, int | events.EraChange)]
        again = data.draw(st.none() | st.sampled_from(before)) if before else None
        if again is not None:
            assert not isinstance(customer.take(again), Reduction)
    customer.catch_up()
    assert customer.packed == plain.packed
    assert told(customer.said) == told(plain.said)


@given(histories())
def test_counts_have_no_gaps_and_time_never_goes_back(history: list[Step]) -> None:
    customer = lived(history)
    said = customer.said
    assert [d.revision for d in said] == list(range(1, len(said) + 1))
    assert all(a.occurred_at <= b.occurred_at for a, b in pairwise(said))
    assert len({d.id for d in said}) == len(said)
    for feed in (TierChanged, ChurnRiskChanged, SegmentChanged):
        mine = [d for d in said if isinstance(d, feed)]
        assert [d.sequence for d in mine] == list(range(1, len(mine) + 1))
        assert [d.previous_id for d in mine] == [None, *(d.id for d in mine)][: len(mine)]
        assert all(d.supersedes in {None, d.previous_id} for d in mine)


@given(histories())
def test_every_output_begins_where_the_one_before_ended(history: list[Step]) -> None:
    said = lived(history).said
    tiers = [d for d in said if isinstance(d, TierChanged)]
    assert [d.from_ for d in tiers] == [None, *(d.to for d in tiers)][: len(tiers)]
    bands = [d for d in said if isinstance(d, ChurnRiskChanged)]
    assert [d.from_band for d in bands] == [None, *(d.to_band for d in bands)][: len(bands)]
    moves = [d for d in said if isinstance(d, SegmentChanged)]
    assert [d.from_ for d in moves] == [None, *(d.to for d in moves)][: len(moves)]


@settings(max_examples=40)
@given(st.lists(customer_events(-3, 3), min_size=1, max_size=6))
def test_due_is_never_late(accepted: list[events.CustomerEvent]) -> None:
    """Looking every hour finds nothing sooner than looking at the due instants alone."""
    customer = Driver(BOOKS[0], first_tick=at(0))
    for event in accepted:
        customer.take(event, at(4))
    customer.said.clear()
    hourly = Driver(BOOKS[0], first_tick=at(0))
    hourly.state = unpack(pack(customer.known))
    for hour in range(1, 30 * 24):
        hourly.tick(at(0, hour))
        # An evaluation nobody asked for, as if something were due now.
        due = hourly.known.due
        if due is None or due > at(0, hour):
            hourly.known.due = at(0, hour)
        hourly.catch_up()
    customer.pass_to(at(0, 30 * 24 - 1))
    assert [said(d) for d in hourly.said] == [said(d) for d in customer.said]
