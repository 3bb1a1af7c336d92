"""What producers write becomes canonical events: golden examples, derived values, and the laws."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import events
from models.wire import TOPICS, Accepted, TopicTypes, accept
from models.wire.fields import instant
from models.wire.sales import Purchase
from models.wire.topics import topic_types
from tests.models.strategies import WireEvent, accepted, canonical_events, wire_events
from tests.models.wire_control_examples import CONTROL_EXAMPLES
from tests.models.wire_examples import CUSTOMER, EXAMPLES, NUMBER, PURCHASE, Example

FEEDBACK = EXAMPLES["feedback"][0]
COMPLAINT = EXAMPLES["complaint"][0]
ALL_EXAMPLES = {**EXAMPLES, **CONTROL_EXAMPLES}


def test_every_event_type_has_an_example() -> None:
    assert set(ALL_EXAMPLES) == {name for topic in TOPICS.values() for name in topic.types}


@pytest.mark.parametrize("example", ALL_EXAMPLES.values(), ids=ALL_EXAMPLES)
def test_golden(example: Example) -> None:
    written, canonical = example
    result = accepted(written, NUMBER)
    assert result == Accepted(written.get("customer_id"), canonical, ())
    assert events.decode(events.encode(result.event)) == canonical


@pytest.mark.parametrize(
    ("metric", "score", "polarity"),
    [
        ("csat", 1, "negative"),
        ("csat", 2, "negative"),
        ("csat", 3, "neutral"),
        ("csat", 4, "positive"),
        ("stars", 2, "negative"),
        ("stars", 5, "positive"),
        ("nps", 0, "negative"),
        ("nps", 6, "negative"),
        ("nps", 7, "neutral"),
        ("nps", 8, "neutral"),
        ("nps", 9, "positive"),
        ("ces", 3, "negative"),
        ("ces", 4, "neutral"),
        ("ces", 5, "positive"),
    ],
)
def test_polarity_follows_from_the_score(metric: str, score: int, polarity: str) -> None:
    event = accepted(_feedback(metric=metric, score=score)).event
    assert isinstance(event, events.Feedback)
    assert event.polarity == polarity


def test_given_polarity_wins() -> None:
    event = accepted(_feedback(metric="stars", score=5, polarity="negative")).event
    assert isinstance(event, events.Feedback)
    assert event.polarity == "negative"


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({}, None),
        ({"severity": "medium"}, "medium"),
        ({"severity": "low", "safety": True}, "critical"),
        ({"legal": True}, "critical"),
    ],
)
def test_safety_and_law_force_the_severity(fields: WireEvent, severity: str | None) -> None:
    written = {"event": "complaint", "complaint_id": "K", "action": "opened", "type": "other"}
    event = accepted({**CUSTOMER, **written, **fields}).event
    assert isinstance(event, events.Complaint)
    assert event.severity == severity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:59.999999999z", 59),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("2100-01-01T00:00:00Z", 4_102_444_800),
    ],
)
def test_instants_are_cut_to_whole_seconds(text: str, seconds: int) -> None:
    assert instant(text) == seconds


def test_null_consents_delete_every_consent() -> None:
    event = accepted({**CUSTOMER, "event": "profile", "patch": {"consents": None}}).event
    assert isinstance(event, events.Profile)
    assert event.patch == {
        f"consents.{purpose}.{field}": None
        for purpose in ("profiling", "sensitive", "marketing")
        for field in ("granted", "at")
    }


def test_unknown_fields_are_ignored_and_named() -> None:
    line = {**PURCHASE["lines"][0], "colour": "red", "size": 3}
    plain = accepted(PURCHASE)
    result = accepted({**PURCHASE, "gift": True, "lines": [line, line]})
    assert result.unknown_fields == ("gift", "lines.colour", "lines.size")
    assert isinstance(result.event, events.Purchase)
    assert isinstance(plain.event, events.Purchase)
    assert result.event.lines == plain.event.lines * 2


@pytest.mark.parametrize(
    ("event", "unknown"),
    [
        ({"event": "profile", "patch": {"shoe": 1, "income": None}}, "patch.shoe"),
        (
            {"event": "profile", "patch": {"consents": {"marketing": {"granted": True, "x": 1}}}},
            "patch.consents.marketing.x",
        ),
        ({**FEEDBACK, "original": {**FEEDBACK["original"], "x": 1}}, "original.x"),
        ({**COMPLAINT, "original": {**COMPLAINT["original"], "x": 1}}, "original.x"),
    ],
)
def test_nested_unknown_fields_are_named(event: WireEvent, unknown: str) -> None:
    assert accepted({**CUSTOMER, **event}).unknown_fields == (unknown,)


def _rename_order(event: WireEvent) -> WireEvent:
    return {
        **{name: value for name, value in event.items() if name != "order"},
        "order_id": event["order"],
        "schema_version": 1,
    }


def test_older_versions_are_raised() -> None:
    current = topic_types("customer.purchase.v1", "Purchases", Purchase)
    raising = TopicTypes(
        current.name, current.title, current.adapter, current.types, upcasts={0: _rename_order}
    )
    older = {**PURCHASE, "schema_version": 0, "order": PURCHASE["order_id"]}
    del older["order_id"]
    result = accept(raising, None, json.dumps(older).encode(), (), offset=0)
    assert result.event == EXAMPLES["purchase"][1]


@given(wire_events())
def test_whatever_is_accepted_survives_the_log(event: WireEvent) -> None:
    result = accepted(event)
    assert result.unknown_fields == ()
    assert result.customer == event.get("customer_id")
    assert events.decode(events.encode(result.event)) == result.event


@given(canonical_events())
def test_canonical_events_round_trip(event: events.Event) -> None:
    assert events.decode(events.encode(event)) == event


@given(wire_events(), st.dictionaries(st.text("xyz", min_size=4, max_size=9), st.integers()))
def test_unknown_fields_change_nothing(event: WireEvent, others: dict[str, int]) -> None:
    result = accepted({**others, **event})
    assert sorted(result.unknown_fields) == sorted(others)
    assert result.event == accepted(event).event


def _feedback(**said: object) -> WireEvent:
    fixed = {"event": "feedback", "feedback_id": "F", "action": "given", "kind": "survey"}
    return {**CUSTOMER, **fixed, **said}
