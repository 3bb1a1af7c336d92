"""Hypothesis strategies for events: as producers write them, and as the log holds them.

`wire_events` makes JSON objects that `accept` takes; `canonical_events` makes what it returns, and
ticks. Both can be narrowed to some event types.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from models import events
from models.churn import Coins
from models.money import MINOR_DIGITS
from models.wire import TOPICS, Accepted, TopicTypes, accept
from models.wire.feedback import SCALES
from models.wire.fields import INSTANT_MAX_S

WireEvent = dict[str, Any]

_SEVERITIES = ("low", "medium", "high", "critical")
_POLARITIES = ("positive", "neutral", "negative")
_OTHER_KINDS = ("activity.joined", "page_viewed", "referral.converted", "own.kind")

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=128)
customers = st.text("ABC-0123456789", min_size=1, max_size=12)
amounts = st.integers(0, events.AMOUNT_MAX)
currencies = st.sampled_from(sorted(MINOR_DIGITS))
quantities = st.integers(0, 10**12).map(lambda milli: milli / 1000)
positive_floats = st.floats(1e-9, 1e9)
dates = st.dates().map(lambda day: day.isoformat())


def _written(at: int, offset_min: int) -> str:
    return datetime.fromtimestamp(at, timezone(timedelta(minutes=offset_min))).isoformat()


def instants(first: int = 0, last: int = INSTANT_MAX_S) -> SearchStrategy[str]:
    """Make RFC 3339 texts of any offset for instants from `first` to `last` (seconds)."""
    return st.builds(_written, st.integers(first, last), st.integers(-12 * 60, 14 * 60))


def _object(required: WireEvent, optional: WireEvent) -> SearchStrategy[WireEvent]:
    """Make objects; an optional field is missing, null or given."""
    return st.fixed_dictionaries(required, optional=optional)


def _or_null(fields: WireEvent) -> WireEvent:
    return {name: st.none() | strategy for name, strategy in fields.items()}


def _event(
    event_type: str, required: WireEvent, optional: WireEvent, *, of_customer: bool = True
) -> SearchStrategy[WireEvent]:
    envelope: WireEvent = {
        "event": st.just(event_type),
        "event_id": ids,
        "occurred_at": instants(),
        "source": st.sampled_from(["webshop", "crm", "店铺"]),
        "schema_version": st.just(1),
    }
    customer = {"customer_id": customers} if of_customer else {}
    return _object(envelope | customer | required, optional)


_channel = {"channel": st.sampled_from(["online", "offline", "other"])}
_line = _object(
    {"line_id": ids, "net_amount_minor": amounts},
    _or_null(
        dict.fromkeys(("sku", "category", "brand", "grade", "unit"), names)
        | {name: st.booleans() for name in ("own_brand", "custom")}
        | {"quantity": quantities, "list_amount_minor": amounts}
    ),
)
_lines = st.lists(_line, max_size=3)

_purchase = _event(
    "purchase",
    {"order_id": ids, "net_amount_minor": amounts, "currency": currencies},
    _or_null(
        _channel
        | {"margin_minor": st.integers(-events.AMOUNT_MAX, events.AMOUNT_MAX)}
        | {"store_id": names, "coupon": names, "action_id": ids}
    )
    | {"lines": _lines},
)


@st.composite
def _refund(draw: st.DrawFn) -> WireEvent:
    refund = draw(
        _event(
            "refund",
            {
                "refund_id": ids,
                "amount_minor": st.integers(1, events.AMOUNT_MAX),
                "currency": currencies,
                "kind": st.sampled_from(["return", "cancellation", "chargeback"]),
            },
            _or_null(_channel | {"order_id": ids, "reason": names})
            | {"full": st.booleans(), "lines": _lines},
        )
    )
    if draw(st.booleans()):
        refunded_at = datetime.fromisoformat(refund["occurred_at"]).astimezone(UTC)
        refund["purchased_at"] = draw(instants(last=int(refunded_at.timestamp())))
    return refund


@st.composite
def _opinion(draw: st.DrawFn) -> WireEvent:
    metric = draw(st.sampled_from([*SCALES, "label"]))
    kind = draw(st.sampled_from(["survey", "review", "suggestion"]))
    opinion: WireEvent = {"kind": kind, "metric": metric}
    if metric != "label":
        scale = SCALES[metric]
        opinion["score"] = draw(st.integers(scale.lowest, scale.highest))
    if metric == "label" or draw(st.booleans()):
        opinion["polarity"] = draw(st.sampled_from(_POLARITIES))
    return opinion


def _correctable(
    event_type: str,
    values: SearchStrategy[WireEvent],
    corrections: tuple[str, ...],
    others: tuple[str, ...],
    fields: tuple[WireEvent, WireEvent],
) -> SearchStrategy[WireEvent]:
    """Make events with `values`, corrections of them also with their `original` values."""
    required, optional = fields
    plain = _event(
        event_type, {**required, "action": st.sampled_from(corrections + others)}, optional
    )
    original = st.builds(lambda said, at: {**said, "occurred_at": at}, values, instants())
    correction = _event(
        event_type,
        {**required, "action": st.sampled_from(corrections), "original": original},
        optional,
    )
    return st.builds(lambda event, said: {**event, **said}, plain | correction, values)


_feedback = _correctable(
    "feedback",
    _opinion(),
    ("amended", "retracted"),
    ("given",),
    (
        {"feedback_id": ids},
        _or_null({"topic": st.sampled_from(["product", "brand"]), "order_id": ids})
        | {"public": st.booleans(), "text_ref": names, "product_id": names},
    ),
)
_complaint = _correctable(
    "complaint",
    _object(
        {"type": st.sampled_from(["product_quality", "service_attitude", "delivery", "billing"])},
        _or_null({"severity": st.sampled_from(_SEVERITIES)})
        | {"safety": st.booleans(), "legal": st.booleans()},
    ),
    ("amended", "retracted"),
    ("opened", "acknowledged", "resolved", "reopened"),
    ({"complaint_id": ids}, _or_null({"order_id": ids, "product_id": names, "text_ref": names})),
)

_texts = (
    "income_band occupation industry job_type trade skill_level education economic_role country "
    "province city home_province scale partnership gender culture need_level"
)
_consent = _object({"granted": st.booleans()}, _or_null({"at": instants()}))
_numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)
_custom = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    st.none() | st.booleans() | names | _numbers,
    max_size=4,
)
_attributes: WireEvent = {
    **dict.fromkeys(_texts.split(), names),
    **dict.fromkeys(["hired_on", "birth_date"], dates),
    **dict.fromkeys(["employees", "household_size", "children", "reach"], st.integers(0, 10**6)),
    **dict.fromkeys(["business_scope", "requirements", "interests"], st.lists(names, max_size=3)),
    "joined_at": instants() | dates,
    "income": _object(
        {
            "amount_minor": amounts,
            "currency": currencies,
            "period": st.sampled_from(["month", "year"]),
        },
        {},
    ),
    "annual_revenue": _object({"amount_minor": amounts, "currency": currencies}, {}),
    "consents": _object(
        {}, _or_null(dict.fromkeys(["profiling", "sensitive", "marketing"], _consent))
    ),
}
_profile = _event(
    "profile", {"patch": _object({}, _or_null(_attributes) | {"custom": _custom})}, {}
)
_engagement = _event(
    "engagement",
    {"kind": st.sampled_from(_OTHER_KINDS)},
    _or_null(_channel | {"name": names, "quantity": quantities, "unit": names, "action_id": ids}),
) | _event(
    "engagement",
    {
        "kind": st.sampled_from(["relation.linked", "relation.unlinked"]),
        "other_customer_id": customers,
        "relation": st.sampled_from(["family", "friend", "colleague", "circle"]),
    },
    {},
)


def _era(
    event_type: str, required: WireEvent, optional: WireEvent | None = None
) -> SearchStrategy[WireEvent]:
    more = _or_null({"reason": names, **(optional or {})})
    return _event(event_type, {**required, "by": names}, more, of_customer=False)


_versions = st.integers(1, 10**6)
_calibrations = st.fixed_dictionaries({"intercept": st.floats(-1e3, 1e3), "slope": positive_floats})
_coins = st.fixed_dictionaries(dict.fromkeys(Coins.__struct_fields__, st.floats(0, 0.99)))
_cuts = st.lists(st.floats(0, 1e9), min_size=4, max_size=4).map(sorted)
_merge = _event("customers.merged", {"by": names, "survivor": customers.map("S{}".format)}, {})

BY_TYPE: dict[str, SearchStrategy[WireEvent]] = {
    "purchase": _purchase,
    "refund": _refund(),
    "feedback": _feedback,
    "complaint": _complaint,
    "profile": _profile,
    "engagement": _engagement,
    "override.set": _event(
        "override.set",
        {"override_id": ids, "tier": names, "reason": names, "by": names},
        {"mode": st.sampled_from(["at_least", "exactly"]), "until": st.none() | instants()},
    ),
    "override.cleared": _event("override.cleared", {"override_id": ids}, _or_null({"by": names})),
    "hold.set": _event("hold.set", {"until": instants(), "reason": names, "by": names}, {}),
    "hold.cleared": _event("hold.cleared", {}, _or_null({"by": names})),
    "customers.merged": _merge.map(lambda event: {**event, "absorbed": event["customer_id"]}),
    "customer.erased": _event("customer.erased", {"basis": names}, {}),
    "score.set": _event(
        "score.set",
        {"name": ids, "value": st.floats(-1e12, 1e12)},
        _or_null({"model": names, "valid_until": instants()}),
    ),
    "rulebook.activated": _era(
        "rulebook.activated", {"name": names, "version": _versions, "text": ids}
    ),
    "churn-model.activated": _era(
        "churn-model.activated",
        {"version": _versions, **dict.fromkeys(["r", "alpha_days", "a", "b"], positive_floats)},
        {"calibration": _calibrations, "coins": _coins},
    ),
    "rfm-cuts.activated": _era(
        "rfm-cuts.activated",
        {"version": _versions, **dict.fromkeys(["recency", "frequency", "monetary"], _cuts)},
    ),
    "rates.set": _era(
        "rates.set",
        {
            "base": currencies,
            "date": dates,
            "rates": st.dictionaries(currencies, positive_floats, min_size=1, max_size=5),
        },
    ),
    "engine.raised": _era("engine.raised", {"engine": st.integers(0, 10**6), "tzdata": names}),
}


def topic_of(event: WireEvent) -> TopicTypes:
    """Return the source topic that takes an event."""
    return next(topic for topic in TOPICS.values() if event["event"] in topic.types)


def accepted(event: WireEvent, offset: int = 0) -> Accepted:
    """Return what ingress makes of an event that arrives as plain JSON."""
    return accept(topic_of(event), None, json.dumps(event).encode(), (), offset=offset)


def _canonical(event: WireEvent) -> events.Event:
    return accepted(event).event


def wire_events(types: Collection[str] = tuple(BY_TYPE)) -> SearchStrategy[WireEvent]:
    """Make valid input events of the given types, as JSON objects."""
    return st.one_of([BY_TYPE[event_type] for event_type in types])


def canonical_events(types: Collection[str] = (*BY_TYPE, "tick")) -> SearchStrategy[events.Event]:
    """Make canonical events of the given types."""
    ticks = st.builds(events.Tick, t=st.integers(0, INSTANT_MAX_S))
    wired = [BY_TYPE[event_type].map(_canonical) for event_type in types if event_type != "tick"]
    return st.one_of([*wired, *([ticks] if "tick" in types else [])])
