"""Canonical events: the closed union of facts that the log holds, one frozen type per fact.

A canonical event is the value of a record of `segment.log.v1`: a JSON object whose `event` names
its type. The record's key is the customer (UTF-8); what concerns a whole partition has none.
Instants are whole seconds since 1970 (UTC), amounts are minor units, quantities are thousandths.
The public input models, which producers write, are in `wire`; ingress turns one into the other.

`msgspec` rather than pydantic here: this decoder runs for every record of the log, and costs a
quarter. A test shows that both accept the same events.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from models.churn import Coins
from models.churn_calibration import Platt

AMOUNT_MAX = 10**15
LINES_MAX = 200

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Instant = Annotated[int, Meta(ge=0, le=4_102_444_800)]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
SignedAmount = Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Name = Annotated[str, Meta(max_length=128)]
Channel = Literal["online", "offline", "other"]
Severity = Literal["low", "medium", "high", "critical"]
Polarity = Literal["positive", "neutral", "negative"]

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an order or of a refund."""

    line_id: Id
    net_amount_minor: Amount
    sku: Name | None = None
    category: Name | None = None
    brand: Name | None = None
    own_brand: bool | None = None
    custom: bool | None = None
    grade: Name | None = None
    quantity_milli: SignedAmount | None = None
    unit: Name | None = None
    list_amount_minor: Amount | None = None


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", kw_only=True):
    """What every event about a customer says of itself."""

    event_id: Id
    source: Annotated[str, Meta(min_length=1, max_length=128)]
    occurred_at: Instant


class Purchase(Fact, frozen=True, tag="purchase", kw_only=True):
    """A paid order. `net_amount_minor`: after discounts, without tax and shipping."""

    order_id: Id
    net_amount_minor: Amount
    currency: Currency
    margin_minor: SignedAmount | None = None
    channel: Channel | None = None
    store_id: Name | None = None
    coupon: Name | None = None
    action_id: Id | None = None
    lines: Annotated[tuple[Line, ...], Meta(max_length=LINES_MAX)] = ()


class Refund(Fact, frozen=True, tag="refund", kw_only=True):
    """Money given back; booked on the day of its purchase where `purchased_at` is known."""

    refund_id: Id
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MAX)]
    currency: Currency
    kind: Literal["return", "cancellation", "price_adjustment", "chargeback"]
    order_id: Id | None = None
    purchased_at: Instant | None = None
    full: bool = False
    channel: Channel | None = None
    reason: Name | None = None
    lines: Annotated[tuple[Line, ...], Meta(max_length=LINES_MAX)] = ()


class FeedbackValues(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a feedback said before it was amended or retracted, where the source knows it."""

    occurred_at: Instant
    metric: Literal["csat", "nps", "ces", "stars", "label"]
    polarity: Polarity
    kind: Literal["survey", "review", "suggestion"] = "survey"
    score: int | None = None


class Feedback(Fact, frozen=True, tag="feedback", kw_only=True):
    """A survey answer, a review or a suggestion. Scores: csat and stars 1–5, nps 0–10, ces 1–7."""

    feedback_id: Id
    action: Literal["given", "amended", "retracted"]
    kind: Literal["survey", "review", "suggestion"]
    metric: Literal["csat", "nps", "ces", "stars", "label"]
    polarity: Polarity
    score: int | None = None
    topic: Literal["product", "brand", "service", "delivery"] | None = None
    public: bool = False
    product_id: Name | None = None
    order_id: Id | None = None
    text_ref: Name | None = None
    original: FeedbackValues | None = None


class ComplaintValues(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a complaint said before it was amended or retracted, where the source knows it."""

    occurred_at: Instant
    type: Literal["product_quality", "service_attitude", "delivery", "billing", "other"]
    severity: Severity | None = None


class Complaint(Fact, frozen=True, tag="complaint", kw_only=True):
    """A step in a complaint's life. `safety` and `legal` have forced `severity` to critical."""

    complaint_id: Id
    action: Literal["opened", "acknowledged", "amended", "resolved", "reopened", "retracted"]
    type: Literal["product_quality", "service_attitude", "delivery", "billing", "other"]
    severity: Severity | None = None
    safety: bool = False
    legal: bool = False
    amount_minor: Amount | None = None
    currency: Currency | None = None
    order_id: Id | None = None
    product_id: Name | None = None
    outcome: Literal["satisfied", "unsatisfied", "rejected"] | None = None
    text_ref: Name | None = None
    original: ComplaintValues | None = None


class Profile(Fact, frozen=True, tag="profile", kw_only=True):
    """Attributes that became known, by dotted name; null deletes one. Newest event time wins."""

    patch: dict[str, Any]


class Engagement(Fact, frozen=True, tag="engagement", kw_only=True):
    """Anything else a customer did: an activity, a referral, a relation, the use of a product."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Name | None = None
    quantity_milli: SignedAmount | None = None
    unit: Name | None = None
    channel: Channel | None = None
    other_customer_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    relation: Literal["family", "friend", "colleague", "circle"] | None = None
    action_id: Id | None = None


class OverrideSet(Fact, frozen=True, tag="override.set", kw_only=True):
    """Somebody decides the tier: at least, or exactly, until an instant or until cleared."""

    override_id: Id
    tier: Name
    mode: Literal["at_least", "exactly"] = "at_least"
    reason: Name
    by: Name
    until: Instant | None = None


class OverrideCleared(Fact, frozen=True, tag="override.cleared", kw_only=True):
    """The override named ends now."""

    override_id: Id
    by: Name | None = None


class HoldSet(Fact, frozen=True, tag="hold.set", kw_only=True):
    """No demotion, warning, churn output or action until an instant."""

    until: Instant
    reason: Name
    by: Name


class HoldCleared(Fact, frozen=True, tag="hold.cleared", kw_only=True):
    """The hold ends now."""

    by: Name | None = None


class CustomersMerged(Fact, frozen=True, tag="customers.merged", kw_only=True):
    """`absorbed` and `survivor` are one person; the record's key is `absorbed`."""

    absorbed: Annotated[str, Meta(min_length=1, max_length=128)]
    survivor: Annotated[str, Meta(min_length=1, max_length=128)]
    by: Name


class CustomerMoved(Fact, frozen=True, tag="customer.moved", kw_only=True):
    """What is known of an absorbed customer, on its way to the survivor, who is the record's key.

    Written by the partition of the absorbed customer only. `came_by`: the ids that it was sent on
    from; `state`: the packed state, compressed, in base64; `tier` and `override`: names of tiers.
    """

    came_by: tuple[str, ...]
    by: Name
    tier: Name | None = None
    override: Name | None = None
    state: str


class CustomerErased(Fact, frozen=True, tag="customer.erased", kw_only=True):
    """The customer's data is to be forgotten; a husk remains so that sequences never restart."""

    basis: Name


class ScoreSet(Fact, frozen=True, tag="score.set", kw_only=True):
    """A score from outside, with its expiry."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    value: float
    model: Name | None = None
    valid_until: Instant | None = None


class EraChange(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", kw_only=True):
    """A change of what conclusions are drawn with. `number`: its offset in the control topic."""

    number: int
    by: Name
    reason: Name | None = None


class RulebookActivated(EraChange, frozen=True, tag="rulebook.activated", kw_only=True):
    """A rulebook comes into force; `text` is the YAML as the analyst wrote it."""

    name: Name
    version: int
    text: str


class ChurnModelActivated(EraChange, frozen=True, tag="churn-model.activated", kw_only=True):
    """Fitted churn parameters come into force (rates per day), with what was learnt beside them.

    `calibration` None: risks are told as they are. `coins` None: those assumed by default.
    """

    version: int
    r: float
    alpha_days: float
    a: float
    b: float
    calibration: Platt | None = None
    coins: Coins | None = None


class RfmCutsActivated(EraChange, frozen=True, tag="rfm-cuts.activated", kw_only=True):
    """The four cuts of recency (days), frequency (orders) and monetary value (minor units)."""

    version: int
    recency: tuple[float, float, float, float]
    frequency: tuple[float, float, float, float]
    monetary: tuple[float, float, float, float]


class RatesSet(EraChange, frozen=True, tag="rates.set", kw_only=True):
    """Exchange rates of a day: one unit of a currency is worth `rates[currency]` of `base`."""

    base: Currency
    date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    rates: dict[str, float]


class EngineRaised(EraChange, frozen=True, tag="engine.raised", kw_only=True):
    """A worker with a newer engine number (or time zone data) takes over the partition."""

    engine: int
    tzdata: Name


class Tick(msgspec.Struct, frozen=True, tag_field="event", tag="tick"):
    """All that the declared sources took in before `t` stands at lower offsets."""

    t: Instant


CustomerEvent = (
    Purchase
    | Refund
    | Feedback
    | Complaint
    | Profile
    | Engagement
    | OverrideSet
    | OverrideCleared
    | HoldSet
    | HoldCleared
    | CustomersMerged
    | CustomerMoved
    | CustomerErased
    | ScoreSet
)
EraEvent = RulebookActivated | ChurnModelActivated | RfmCutsActivated | RatesSet | EngineRaised
Event = CustomerEvent | EraEvent | Tick

TAGS: dict[type, str] = {
    kind: str(kind.__struct_config__.tag)
    for kind in (*get_args(CustomerEvent), *get_args(EraEvent))
}

decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.Encoder().encode
