"""Events that happen to one customer, and her facts: what the tests of `fold` tell stories with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from hypothesis import strategies as st

from models import events
from models.calendar import DAY_S, calendar
from models.customer import Facts
from models.fold import fold

T = TypeVar("T")
UTC = calendar("UTC")
DAY0 = 20_000
T0 = DAY0 * DAY_S
TODAY = DAY0 + 20
LATENESS_DAYS = 30

pack = msgspec.msgpack.Encoder().encode


def folded(happened: Sequence[events.CustomerEvent], today: int = TODAY) -> Facts:
    facts = Facts()
    for event in happened:
        fold(facts, event, UTC, today, LATENESS_DAYS)
    return facts


def of(made: Callable[..., T], at: int, /, **fields: object) -> T:
    return made(event_id="e", source="test", occurred_at=at, **fields)


def purchase(at: int, minor: int = 100, **more: object) -> events.Purchase:
    fields = {"order_id": "o", "net_amount_minor": minor, "currency": "EUR", **more}
    return of(events.Purchase, at, **fields)


def refund(at: int, minor: int = 100, **more: object) -> events.Refund:
    fields = {"refund_id": "r", "amount_minor": minor, "currency": "EUR", "kind": "return", **more}
    return of(events.Refund, at, **fields)


def complaint(at: int, action: str = "opened", key: str = "k", **more: object) -> events.Complaint:
    fields = {"complaint_id": key, "action": action, "type": "delivery", **more}
    return of(events.Complaint, at, **fields)


def feedback(at: int, action: str = "given", key: str = "f", **more: object) -> events.Feedback:
    fields = {
        "feedback_id": key,
        "action": action,
        "kind": "survey",
        "metric": "nps",
        "score": 9,
        "polarity": "positive",
        **more,
    }
    return of(events.Feedback, at, **fields)


def profile(at: int, **patch: object) -> events.Profile:
    return of(events.Profile, at, patch=patch)


def engagement(at: int, kind: str, **more: object) -> events.Engagement:
    return of(events.Engagement, at, kind=kind, **more)


def line(category: str | None = None, minor: int = 100, **more: object) -> events.Line:
    fields = {"line_id": "l", "net_amount_minor": minor, "category": category, **more}
    return msgspec.convert(fields, events.Line)


_channels = st.sampled_from((None, "online", "offline"))
_lines = st.lists(
    st.builds(
        line,
        st.sampled_from((None, "food", "toys")),
        st.integers(0, 3),
        custom=st.sampled_from((None, True)),
        grade=st.sampled_from((None, "premium")),
        quantity_milli=st.sampled_from((None, 500)),
        list_amount_minor=st.none() | st.integers(0, 4),
    ),
    max_size=2,
).map(tuple)
_instants = st.integers(0, 4).map(lambda day: T0 + day * DAY_S)  # few: ties are what is hard
_sales = st.one_of(
    st.builds(purchase, _instants, st.integers(0, 9_999), channel=_channels, lines=_lines),
    st.builds(
        purchase,
        _instants,
        st.integers(0, 3),
        margin_minor=st.none() | st.integers(-9, 9),
        coupon=st.sampled_from((None, "TEN")),
        action_id=st.sampled_from((None, "a")),
        channel=_channels,
    ),
    st.builds(
        refund,
        _instants,
        st.integers(1, 9_999),
        full=st.booleans(),
        purchased_at=st.none() | _instants,
        channel=_channels,
        lines=_lines,
    ),
)
_complaints = st.builds(
    complaint,
    _instants,
    st.sampled_from(("opened", "opened", "amended", "resolved", "reopened", "retracted")),
    st.sampled_from("kl"),
    type=st.sampled_from(("delivery", "billing")),
    severity=st.none() | st.sampled_from(events.SEVERITIES),
    outcome=st.none() | st.sampled_from(("satisfied", "unsatisfied", "rejected")),
    amount_minor=st.none() | st.integers(0, 3),
    currency=st.sampled_from((None, "EUR", "USD")),
    original=st.none()
    | st.builds(
        events.ComplaintValues,
        occurred_at=_instants,
        type=st.just("delivery"),
        severity=st.just("low"),
    ),
)
_feedback = st.builds(
    feedback,
    _instants,
    st.sampled_from(("given", "amended", "retracted")),
    st.sampled_from("fg"),
    score=st.none() | st.integers(0, 10),
    polarity=st.sampled_from(("negative", "neutral", "positive")),
    topic=st.sampled_from((None, "product", "brand")),
    public=st.booleans(),
    original=st.none()
    | st.builds(
        events.FeedbackValues,
        occurred_at=_instants,
        metric=st.just("nps"),
        polarity=st.just("positive"),
        score=st.just(9),
    ),
)
_attributes = st.builds(
    lambda at, name, value: of(events.Profile, at, patch={name: value}),
    _instants,
    st.sampled_from(("city", "consents.marketing.granted", "consents.marketing.at")),
    st.sampled_from((None, False, True, "Bath", "York")),
) | st.builds(
    lambda at, value: of(events.ScoreSet, at, name="credit", value=value),
    _instants,
    st.floats(0, 1),
)
_engagements = st.one_of(
    st.builds(
        engagement,
        _instants,
        st.sampled_from(("a", "contact.made", "action.responded")),
        name=st.sampled_from((None, "visit")),
        unit=st.sampled_from((None, "hours")),
        quantity_milli=st.sampled_from((None, 500)),
    ),
    st.builds(
        engagement,
        _instants,
        st.sampled_from(("relation.linked", "relation.unlinked")),
        other_customer_id=st.sampled_from("xy"),
        relation=st.sampled_from(("family", "friend", None)),
    ),
)
_KINDS: tuple[st.SearchStrategy[events.CustomerEvent], ...] = (
    *(_sales, _complaints, _feedback, _attributes, _engagements),
)
happenings = st.one_of(_KINDS)
# Of one kind alone, as often as of all: two steps of one complaint seldom meet by chance.
sales = st.lists(_sales, max_size=12)
lives = st.one_of(*(st.lists(kind, max_size=12) for kind in (happenings, *_KINDS)))
