"""Generated customers: events of every kind that facts read, in any order."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st

from models.calendar import DAY_S, calendar, day_number
from models.customer import CustomerState
from models.events import (
    Complaint,
    CustomerEvent,
    Engagement,
    Feedback,
    HoldSet,
    Line,
    OverrideCleared,
    OverrideSet,
    Profile,
    Purchase,
    Refund,
    ScoreSet,
)
from models.fold import fold

ZONE = calendar("Europe/London")
TODAY = day_number(date(2026, 4, 10))
NOW = TODAY * DAY_S + 12 * 3_600
OLDEST_DAYS, _AHEAD_DAYS = 430, 2

_INSTANTS = st.integers(NOW - OLDEST_DAYS * DAY_S, NOW + _AHEAD_DAYS * DAY_S)
_POUNDS = st.sampled_from((0, 100, 3_999, 4_000, 15_000, 60_000))


_CHANNELS: st.SearchStrategy[Any] = st.sampled_from((None, "online", "online", "offline"))
_LINES = st.lists(
    st.builds(
        Line,
        line_id=st.just("l"),
        net_amount_minor=_POUNDS,
        category=st.sampled_from((None, "food", "toys", "garden")),
        custom=st.sampled_from((None, True, False)),
        grade=st.sampled_from((None, "premium")),
        quantity_milli=st.sampled_from((None, 1_000, 2_500)),
        list_amount_minor=st.sampled_from((None, 4_000, 80_000)),
    ),
    max_size=2,
).map(tuple)


_KINDS = (
    *("page_viewed", "referral.converted", "order.delivered_late", "contact.made"),
    *("action.responded", "product.used", "relation.linked", "relation.unlinked"),
)


@st.composite
def _engagement(draw: st.DrawFn, head: dict[str, Any]) -> Engagement:
    kind = draw(st.sampled_from(_KINDS))
    return Engagement(
        **head,
        kind=kind,
        name=draw(st.sampled_from((None, "visit", "call"))),
        unit="hours" if kind == "product.used" else None,
        quantity_milli=2_500 if kind == "product.used" else None,
        other_customer_id=draw(st.sampled_from("xyz")),
        relation=draw(st.sampled_from(("family", "friend"))),
    )


@st.composite
def _event(draw: st.DrawFn, number: int) -> CustomerEvent:
    head: dict[str, Any] = {
        "event_id": f"e{number}",
        "source": "test",
        "occurred_at": draw(_INSTANTS),
    }
    match draw(st.sampled_from("ppppprrccffaaans")):
        case "p":
            return Purchase(
                **head,
                order_id="o",
                net_amount_minor=draw(_POUNDS),
                currency="GBP",
                margin_minor=draw(st.sampled_from((None, -500, 5_000))),
                channel=draw(_CHANNELS),
                coupon=draw(st.sampled_from((None, "TEN"))),
                action_id=draw(st.sampled_from((None, None, "a"))),
                lines=draw(_LINES),
            )
        case "r":
            return Refund(
                **head,
                refund_id="r",
                amount_minor=1 + draw(_POUNDS),
                currency="GBP",
                kind="return",
                purchased_at=draw(st.none() | _INSTANTS),
                full=draw(st.booleans()),
                channel=draw(_CHANNELS),
                lines=draw(_LINES),
            )
        case "c":
            return Complaint(
                **head,
                complaint_id=draw(st.sampled_from("klm")),
                action=draw(st.sampled_from(("opened", "opened", "resolved", "retracted"))),
                type=draw(st.sampled_from(("delivery", "billing"))),
                severity=draw(st.sampled_from((None, "low", "high", "critical"))),
                amount_minor=draw(st.sampled_from((None, 2_000, 20_000))),
                currency=draw(st.sampled_from((None, "GBP", "EUR"))),
            )
        case "f":
            score = draw(st.integers(1, 5))
            return Feedback(
                **head,
                feedback_id=draw(st.sampled_from("uvw")),
                action=draw(st.sampled_from(("given", "given", "retracted"))),
                kind=draw(st.sampled_from(("survey", "review"))),
                metric=draw(st.sampled_from(("csat", "nps", "label"))),
                topic=draw(st.sampled_from((None, "brand"))),
                public=draw(st.booleans()),
                polarity="negative" if score < 3 else "positive" if score > 3 else "neutral",
                score=score,
            )
        case "a":
            return draw(_engagement(head))
        case "s":
            until = draw(st.none() | st.integers(NOW - 9 * DAY_S, NOW + 300 * DAY_S))
            value = draw(st.sampled_from((1, 3.5, 90)))
            return ScoreSet(**head, name="credit", value=value, valid_until=until)
    patch = {
        "birth_date": draw(st.sampled_from(("1986-05-01", "1996-02-29", "2027-01-01", "soon"))),
        "hired_on": draw(st.sampled_from(("2026-01-20", "2026-06-01", None))),
        "joined_at": draw(st.sampled_from(("2024-02-29", "2026-05-20", "2026-04-10", None))),
        "consents.marketing.granted": draw(st.sampled_from((True, False, None))),
        "consents.profiling.granted": draw(st.sampled_from((True, False, None))),
        "income.amount_minor": draw(st.sampled_from((48_000, 480_000))),
        "income.currency": draw(st.sampled_from(("GBP", "EUR"))),
        "income.period": draw(st.sampled_from(("month", "year"))),
        "custom.seats": draw(st.sampled_from((5, 20.5, "many"))),
        "custom.club": draw(st.sampled_from((True, False, "yes"))),
        "industry": draw(st.sampled_from(("retail", "farm", "mines", 7))),
        "employees": draw(st.sampled_from((5, 20, "many"))),
        "interests": draw(st.sampled_from((["golf"], [], "golf"))),
        "scale": draw(st.sampled_from(("a", "b", "huge"))),
    }
    return Profile(
        **head, patch={name: patch[name] for name in draw(st.sets(st.sampled_from(sorted(patch))))}
    )


@st.composite
def events(draw: st.DrawFn, most: int = 12) -> list[CustomerEvent]:
    """Draw the events of one customer, in any order."""
    return [draw(_event(number)) for number in range(draw(st.integers(0, most)))]


@st.composite
def customers(draw: st.DrawFn) -> CustomerState:
    """Draw a customer's state: folded events, and categories concluded before."""
    state = CustomerState()
    for event in draw(events()):
        fold(state.facts, event, ZONE, TODAY, 30)
    state.concluded.categories = draw(st.lists(st.none() | st.integers(0, 2), max_size=3))
    return state


@st.composite
def decisions(draw: st.DrawFn) -> list[CustomerEvent]:
    """Draw overrides and holds, and their ends."""
    found: list[CustomerEvent] = []
    for number in range(draw(st.integers(0, 3))):
        at = NOW - DAY_S * draw(st.integers(0, OLDEST_DAYS))
        head: dict[str, Any] = {"event_id": f"d{number}", "source": "desk", "occurred_at": at}
        until = draw(st.sampled_from((None, at + 5 * DAY_S, at + 40 * DAY_S)))
        match draw(st.sampled_from(("override", "override", "cleared", "hold"))):
            case "override":
                tier = draw(st.sampled_from(("base", "t0", "t1")))
                mode = draw(st.sampled_from(("at_least", "exactly")))
                more: dict[str, Any] = {
                    "override_id": f"o{number}",
                    "tier": tier,
                    "mode": mode,
                    "until": until,
                }
                found.append(OverrideSet(**head, **more, reason="r", by="b"))
            case "cleared":
                found.append(OverrideCleared(**head, override_id=f"o{number - 1}"))
            case "hold":
                held_until = at + 9 * DAY_S if until is None else until
                found.append(HoldSet(**head, until=held_until, reason="r", by="b"))
    return found
