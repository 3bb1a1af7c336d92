"""Every refusal has the right reason, and a message that says what is wrong and what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadEvent, Reason
from models.wire import TOPICS, accept
from models.wire.refusal import QUOTED_MAX
from tests.models.strategies import WireEvent, accepted, topic_of
from tests.models.wire_control_examples import CONTROL_EXAMPLES
from tests.models.wire_examples import EXAMPLES, PURCHASE

PURCHASES = TOPICS["customer.purchase.v1"]
WRITTEN = {name: written for name, (written, _) in (EXAMPLES | CONTROL_EXAMPLES).items()}
REQUIRED = [
    (name, field) for name in WRITTEN for field in ("event_id", "occurred_at", "source")
] + [
    ("purchase", "order_id"),
    ("purchase", "net_amount_minor"),
    ("purchase", "currency"),
    ("refund", "refund_id"),
    ("refund", "amount_minor"),
    ("refund", "kind"),
    ("feedback", "feedback_id"),
    ("feedback", "action"),
    ("feedback", "kind"),
    ("complaint", "complaint_id"),
    ("complaint", "action"),
    ("complaint", "type"),
    ("profile", "patch"),
    ("engagement", "kind"),
    ("override.set", "tier"),
    ("hold.set", "until"),
    ("customers.merged", "survivor"),
    ("customer.erased", "basis"),
    ("score.set", "value"),
    ("rulebook.activated", "text"),
    ("churn-model.activated", "alpha_days"),
    ("rfm-cuts.activated", "monetary"),
    ("rates.set", "rates"),
    ("engine.raised", "engine"),
]


def refused(event: WireEvent) -> BadEvent:
    """Return the refusal of an event."""
    with pytest.raises(BadEvent) as caught:
        accepted(event)
    return caught.value


def refused_value(value: bytes | None, key: bytes | None = None) -> BadEvent:
    """Return the refusal of a purchase topic's value."""
    with pytest.raises(BadEvent) as caught:
        accept(PURCHASES, key, value, (), offset=0)
    return caught.value


@pytest.mark.parametrize(("name", "field"), REQUIRED)
def test_a_missing_field_is_named(name: str, field: str) -> None:
    event = {**WRITTEN[name]}
    del event[field]
    refusal = refused(event)
    assert refusal.reason is Reason.BAD_SCHEMA
    assert f"{field}: missing, but required" in str(refusal)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, "no value"),
        (b"", "not JSON"),
        (b"paid 12 EUR", "not JSON"),
        (b'{"event": "purchase"', "not JSON"),
        (b'{"event": "\xff"}', "not JSON in UTF-8"),
        (b"\xef\xbb\xbf{}", "the bytes ef bb bf come first: send the object alone"),
        (b"\0\0\0\0\7{}", "the bytes 00 00 00 00 07 come first"),
        (b"[1, 2]", "not an object"),
        (b'"purchase"', "not an object"),
        (b"null", "not an object"),
        (b"[" * 20_000, "not JSON"),
    ],
)
@pytest.mark.parametrize("topic", ["customer.purchase.v1", "customer.feedback.v1"])
def test_what_is_no_json_object(topic: str, value: bytes | None, part: str) -> None:
    for headers in ((), (("ce_specversion", b"1.0"),)):
        with pytest.raises(BadEvent) as caught:
            accept(TOPICS[topic], None, value, headers, offset=0)
        assert caught.value.reason is Reason.NOT_JSON
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("event_type", "part"),
    [
        ("purchas", "'purchase'"),
        ("feedback", "belongs on the topic customer.feedback.v1"),
        ("zzz", "takes purchase, refund"),
        (7, "takes purchase, refund"),
    ],
)
def test_unknown_type(event_type: object, part: str) -> None:
    refusal = refused_value(json.dumps({**PURCHASE, "event": event_type}).encode())
    assert refusal.reason is Reason.UNKNOWN_TYPE
    assert part in str(refusal)


def test_unknown_type_on_a_topic_of_one_type() -> None:
    value = json.dumps({**WRITTEN["feedback"], "event": "fedback"}).encode()
    with pytest.raises(BadEvent, match="is 'feedback' meant") as caught:
        accept(TOPICS["customer.feedback.v1"], None, value, (), offset=0)
    assert caught.value.reason is Reason.UNKNOWN_TYPE


@pytest.mark.parametrize("name", ["purchase", "feedback"])
def test_missing_type(name: str) -> None:
    event = {**WRITTEN[name]}
    del event["event"]
    with pytest.raises(BadEvent, match="event: missing") as caught:
        accept(topic_of(WRITTEN[name]), None, json.dumps(event).encode(), (), offset=0)
    assert caught.value.reason is Reason.BAD_SCHEMA


def test_unknown_version_outweighs_all_else() -> None:
    refusal = refused({**PURCHASE, "schema_version": 2, "customer_id": "", "currency": "XXX"})
    assert refusal.reason is Reason.UNKNOWN_VERSION
    assert "schema_version: 2 is not known; write 1" in str(refusal)
    assert refused({**PURCHASE, "schema_version": "1"}).reason is Reason.BAD_SCHEMA


@pytest.mark.parametrize(
    ("customer", "part"),
    [
        ("", "at least 1 character"),
        ("C" * 129, "at most 128 characters"),
        (17850, "write it in quotes"),
        (None, "valid string"),
        ("a\nb", "no control characters"),
        ("li.na@example.com", "e-mail"),
        ("Li Na <li.na@example.com> ", "e-mail"),
    ],
)
def test_no_usable_customer(customer: object, part: str) -> None:
    refusal = refused({**PURCHASE, "customer_id": customer})
    assert refusal.reason is Reason.NO_CUSTOMER
    assert part in str(refusal)


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_id": "li.na@example.com"},
        {"customer_id": "li.na@example.com\n"},
        {"customer_id": "li.na@" + "x" * 128},
        {"occurred_at": "li.na@example.com"},
    ],
)
def test_an_e_mail_address_is_not_cited(fields: WireEvent) -> None:
    assert "li.na" not in str(refused({**PURCHASE, **fields}))


def test_an_e_mail_address_that_is_the_key_is_not_cited() -> None:
    assert "li.na" not in str(refused_value(b'{"event": "purchase"}', b"li.na@example.com"))


def test_the_key_does_not_stand_in_for_the_customer() -> None:
    event = {name: value for name, value in PURCHASE.items() if name != "customer_id"}
    refusal = refused_value(json.dumps(event).encode(), b"C-1042")
    assert refusal.reason is Reason.NO_CUSTOMER
    assert "the record's key ('C-1042') does not stand in for it" in str(refusal)


@pytest.mark.parametrize("currency", ["XXX", "eur", "€", "", 978])
def test_unknown_currency(currency: object) -> None:
    refusal = refused({**PURCHASE, "currency": currency})
    assert refusal.reason is Reason.UNKNOWN_CURRENCY
    assert "currency: is not an ISO 4217 currency code" in str(refusal)


def test_unknown_currency_elsewhere() -> None:
    rates = {**WRITTEN["rates.set"], "rates": {"EUR": 1.0, "DOG": 2.0}}
    assert refused(rates).reason is Reason.UNKNOWN_CURRENCY
    income = {"amount_minor": 1, "currency": "DOG", "period": "year"}
    refusal = refused({**WRITTEN["profile"], "patch": {"income": income}})
    assert refusal.reason is Reason.UNKNOWN_CURRENCY
    assert "patch.income.currency" in str(refusal)


def test_too_large() -> None:
    value = json.dumps(PURCHASE).encode().ljust(65_537)
    refusal = refused_value(value)
    assert refusal.reason is Reason.TOO_LARGE
    assert "at most 65,536" in str(refusal)
    assert accept(PURCHASES, None, value[:-1], (), offset=0).customer


def test_control_takes_large_rulebooks_and_refuses_larger_ones() -> None:
    book = WRITTEN["rulebook.activated"]
    assert accepted({**book, "text": "x" * 524_288}).customer is None
    refusal = refused({**book, "text": "x" * 524_289})
    assert refusal.reason is Reason.BAD_SCHEMA
    assert "larger than 524,288 bytes" in str(refusal)


@pytest.mark.parametrize(
    ("name", "fields", "part"),
    [
        ("purchase", {"net_amount_minor": 12.5}, "whole minor units: 12.50 EUR is 1250"),
        ("purchase", {"net_amount_minor": "1250"}, "valid integer"),
        ("purchase", {"net_amount_minor": True}, "valid integer"),
        ("purchase", {"net_amount_minor": -1}, "greater than or equal to 0"),
        ("purchase", {"channel": "web"}, "'online', 'offline' or 'other'"),
        ("purchase", {"event_id": "E" * 65}, "at most 64 characters"),
        ("purchase", {"occurred_at": "2026-05-05T04:00:00"}, "has no offset"),
        ("purchase", {"occurred_at": "2026-05-05"}, "not an RFC 3339 instant"),
        ("purchase", {"occurred_at": "2026-02-30T04:00:00Z"}, "not an RFC 3339 instant"),
        ("purchase", {"occurred_at": 1_777_924_800}, "not an RFC 3339 instant"),
        ("purchase", {"occurred_at": "1969-12-31T23:59:59Z"}, "outside 1970 to 2100"),
        ("refund", {"amount_minor": 0}, "greater than 0"),
        ("refund", {"purchased_at": "2026-05-05T20:00:01Z"}, "are they swapped"),
        ("feedback", {"score": None}, "neither score nor polarity"),
        ("feedback", {"score": 6}, "is not on the stars scale of 1 to 5"),
        ("feedback", {"metric": "label"}, "needs a metric"),
        ("feedback", {"action": "given"}, "original goes with"),
        ("complaint", {"amount_minor": None}, "go together"),
        ("complaint", {"outcome": "satisfied"}, "outcome goes with the action resolved only"),
        ("complaint", {"action": "opened"}, "original goes with"),
        ("profile", {"patch": {"joined_at": 20200101}}, "not a calendar date"),
        ("profile", {"patch": {"joined_at": "2020-01-01T00:00:00"}}, "has no offset"),
        ("profile", {"patch": {"birth_date": "29.02.1960"}}, "not a calendar date"),
        ("profile", {"patch": {"birth_date": "1961-02-29"}}, "not a calendar date"),
        ("profile", {"patch": {"custom": None}}, "write null for its name"),
        ("profile", {"patch": {"custom": {"a": [1]}}}, "not a scalar"),
        ("profile", {"patch": {"custom": {"a": 2**53}}}, "write it as a text"),
        ("profile", {"patch": {"custom": {"a": "x" * 257}}}, "longer than 256"),
        ("profile", {"patch": {"custom": {"A b": 1}}}, "lower-case letters"),
        ("profile", {"patch": {"custom": {f"a{n}": n for n in range(33)}}}, "at most 32 items"),
        ("profile", {"patch": {"income": {"currency": "EUR"}}}, "income.amount_minor: missing"),
        ("engagement", {"relation": None}, "relation.linked needs relation"),
        ("engagement", {"quantity": 0.0005}, "more than 3 decimals"),
        ("engagement", {"quantity": "2"}, "not a number"),
        ("engagement", {"quantity": -1}, "outside 0 to"),
        ("customers.merged", {"absorbed": "C-7"}, "about the customer absorbed"),
        ("customers.merged", {"survivor": "C-1042"}, "name two customers"),
        ("rfm-cuts.activated", {"recency": [1, 3, 2, 4]}, "in ascending order"),
        ("rfm-cuts.activated", {"recency": [1, 2, 3]}, "recency.3: missing"),
        ("churn-model.activated", {"r": 0}, "greater than 0"),
        ("churn-model.activated", {"r": 5e11}, "beyond any fit"),
        ("churn-model.activated", {"alpha_days": 1e-300}, "beyond any fit"),
        ("churn-model.activated", {"calibration": {"intercept": 0, "slope": 0}}, "greater than 0"),
        ("churn-model.activated", {"coins": {"low": 1}}, "less than 1"),
    ],
)
def test_bad_schema(name: str, fields: WireEvent, part: str) -> None:
    refusal = refused({**WRITTEN[name], **fields})
    assert refusal.reason is Reason.BAD_SCHEMA
    assert part in str(refusal)


def test_bad_lines() -> None:
    line = PURCHASE["lines"][0]
    assert "lines.0.quantity: has more than 3" in str(
        refused({**PURCHASE, "lines": [{**line, "quantity": 0.1234}]})
    )
    assert "at most 200 items" in str(refused({**PURCHASE, "lines": [line] * 201}))


def test_a_misspelt_field_is_recognised() -> None:
    event = {name: value for name, value in PURCHASE.items() if name != "order_id"}
    assert "is 'orderId' meant to be it?" in str(refused({**event, "orderId": "O-1"}))


def test_a_message_cites_little_and_is_bounded() -> None:
    event = {**PURCHASE, "channel": "secret " * 1_000, "lines": [{}] * 50}
    message = str(refused(event))
    assert "secret" in message
    assert len(message) < 10 * QUOTED_MAX
    assert "and 98 more" in message


@pytest.mark.parametrize("field", ["event_id", "schema_version", "customer_id", "event", "coupon"])
def test_huge_numbers_and_names_are_survived(field: str) -> None:
    digits = b"1" * 5_000
    value = b'{"event": "purchase", "x": 1, "%s": %s}' % (field.encode(), digits)
    assert len(str(refused_value(value))) < 10 * QUOTED_MAX
    custom = {"custom": {"A" * 50_000: 1}}
    assert len(str(refused({**WRITTEN["profile"], "patch": custom}))) < 10 * QUOTED_MAX


def test_many_faults_are_told_quickly() -> None:
    line = {f"f{n}": n for n in range(20)}
    assert "and 395 more" in str(refused({**PURCHASE, "lines": [line] * 199}))


@given(st.binary(max_size=60) | st.text().map(str.encode))
def test_no_value_raises_anything_else(value: bytes) -> None:
    assert refused_value(value).reason in {Reason.NOT_JSON, Reason.BAD_SCHEMA}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_no_field_raises_anything_else(name: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(WRITTEN[name])))
    event = {**WRITTEN[name], field: data.draw(json_values)}
    try:
        accept(topic_of(WRITTEN[name]), b"k", json.dumps(event).encode(), (), offset=0)
    except BadEvent as refusal:
        where = str(refusal)
        assert len(where) < 10 * QUOTED_MAX + 100
