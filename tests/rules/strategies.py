"""Generated rulebooks and customers: what the laws of the rule language are checked on."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml
from hypothesis import strategies as st

from models.calendar import DAY_S, calendar, day_number
from models.customer import CustomerState
from models.events import Complaint, CustomerEvent, Engagement, Feedback, Profile, Purchase, Refund
from models.fold import fold

ZONE = calendar("Europe/London")
TODAY = day_number(date(2026, 4, 10))
NOW = TODAY * DAY_S + 12 * 3_600
_OLDEST_DAYS, _AHEAD_DAYS = 430, 2

_DAYS = st.sampled_from((7, 30, 90, 365))
_PARAMETERS: dict[str, dict[str, Any]] = {
    **{f"money_{n}": {"value": n, "unit": "GBP", "why": "generated"} for n in (1, 40, 150, 600)},
    **{f"orders_{n}": {"value": n, "unit": "orders", "why": "generated"} for n in (1, 2, 5)},
    **{f"days_{n}": {"value": n, "unit": "days", "why": "generated"} for n in (3, 20, 200)},
    **{f"cases_{n}": {"value": n, "unit": "complaints", "why": "generated"} for n in (1, 2)},
    **{f"words_{n}": {"value": n, "unit": "feedback", "why": "generated"} for n in (1, 2)},
    **{f"deeds_{n}": {"value": n, "unit": "activities", "why": "generated"} for n in (1, 3)},
    **{f"score_{n}": {"value": n, "unit": "score", "why": "generated"} for n in (2, 4)},
    "third": {"value": 0.3, "unit": "share", "why": "generated"},
    "tenth": {"value": 0.1, "unit": "share", "why": "generated"},
    "staff": {"value": 20, "unit": "number", "why": "generated"},
}
_UNITS = {
    "money": ("0", "money_1", "money_40", "money_150", "money_600"),
    "orders": ("0", "1", "orders_1", "orders_2", "orders_5"),
    "days": ("1", "days_3", "days_20", "days_200"),
    "cases": ("0", "cases_1", "cases_2"),
    "words": ("0", "words_1", "words_2"),
    "deeds": ("deeds_1", "deeds_3"),
    "score": ("score_2", "score_4"),
    "share": ("tenth", "third"),
}
_OPERATORS = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))


@st.composite
def _measure(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a numeric expression and the key of its unit."""
    n = draw(_DAYS)
    window = draw(st.sampled_from((f"days={n}", "")))
    and_window = f", {window}" if window else ""
    choices = [
        (f"spend({window})", "money"),
        (f"spend(days={n})", "money"),
        (f"orders({window})", "orders"),
        (f"refunds({window})", "money"),
        (f"average_order({window})", "money"),
        (f"return_ratio({window})", "share"),
        ("days_since_purchase()", "days"),
        ("days_since_first_purchase()", "days"),
        ("member_days()", "days"),
        ("days_since_complaint()", "days"),
        (f"complaints({window})", "cases"),
        (f"complaints(severity_from='high'{and_window})", "cases"),
        (f"complaints(type='delivery'{and_window})", "cases"),
        ("open_complaints()", "cases"),
        (f"feedback_count({window})", "words"),
        (f"feedback_count(polarity='negative'{and_window})", "words"),
        (f"feedback_mean(metric='csat'{and_window})", "score"),
        (f"nps({window})", "score"),
        (f"activities(kind='page_viewed'{and_window})", "deeds"),
        (f"spend(days={n}) - refunds(days=30)", "money"),
        (f"spend(days=30) / spend(days={n})", "share"),
        (f"spend(days={n}) / orders(days=90)", "money"),
        (f"orders(days={n}) - third * orders(days=365)", "orders"),
    ]
    return draw(st.sampled_from(choices))


@st.composite
def _atom(draw: st.DrawFn, categories: tuple[str, ...]) -> str:
    """Draw a comparison. `categories` are `segment.x` names whose dimension has a, b and c."""
    texts = [
        "profile.industry == 'retail'",
        "profile.industry in ('retail', 'farm')",
        "profile.custom.colour != 'red'",
        "profile.employees >= staff",
        "has(profile.interests, 'golf')",
        "churn.band == 'high'",
        "churn.band in ('low', 'medium')",
        *(f"{name} == 'a'" for name in categories),
        *(f"{name} not in ('b', 'c')" for name in categories),
    ]
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(texts))
    measure, unit = draw(_measure())
    return f"{measure} {draw(_OPERATORS)} {draw(st.sampled_from(_UNITS[unit]))}"


def conditions(categories: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Draw a condition of up to a few comparisons."""
    return st.recursive(
        _atom(categories),
        lambda inner: st.one_of(
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {})".format, inner, inner),
            st.builds("not {}".format, inner.map("({})".format)),
        ),
        max_leaves=4,
    )


@st.composite
def _dimension(draw: st.DrawFn, earlier: tuple[str, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if draw(st.booleans()):
        measure, unit = draw(_measure())
        bounds = [name for name in _UNITS[unit] if not name.isdigit()]
        low, high = (bounds[0], bounds[-1])
        level: dict[str, Any] = {"name": "a", "from": high}
        if draw(st.booleans()):
            level["keep"] = low
        middle = [] if low == high else [{"name": "b", "from": low}]
        entry = {"measure": measure, "levels": [level, *middle, {"name": "c"}]}
    else:
        cases = [{"name": n, "when": draw(conditions(earlier))} for n in ("a", "b")]
        entry = {"first_match": [*cases, {"name": "c", "otherwise": True}]}
    if draw(st.booleans()):
        entry["only_if"] = draw(conditions(earlier))
    if draw(st.integers(0, 3)) == 0:
        entry["declared"] = "profile.scale"
    return entry


@st.composite
def rulebooks(draw: st.DrawFn) -> str:
    """Draw the text of a rulebook that the check lets through."""
    dimensions: dict[str, Any] = {}
    for index in range(draw(st.integers(0, 3))):
        # Levels of a unit with one bound have no category b, so only complete ones are named.
        whole = [n for n, d in dimensions.items() if {"a", "b", "c"} <= _categories(d)]
        dimensions[f"d{index}"] = draw(_dimension(tuple(f"segment.{n}" for n in whole)))
    whole = [n for n, d in dimensions.items() if {"a", "b", "c"} <= _categories(d)]
    named = tuple(f"segment.{n}" for n in whole)
    ladder: list[dict[str, Any]] = [{"name": "base"}]
    for index in range(draw(st.integers(0, 3))):
        tier = {"name": f"t{index}", "qualify": draw(conditions(named))}
        if draw(st.booleans()):
            tier["keep"] = draw(conditions(named))
        ladder.append(tier)
    bands = {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}}
    return yaml.safe_dump(
        {
            "rulebook": "generated",
            "version": 1,
            "zone": ZONE.name,
            "currency": "GBP",
            "parameters": _PARAMETERS,
            "dimensions": dimensions,
            "tiers": {"ladder": ladder},
            "churn": {"horizon": "90d", "bands": bands},
        },
        sort_keys=False,
    )


def _categories(dimension: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in dimension.get("levels") or dimension["first_match"]}


_INSTANTS = st.integers(NOW - _OLDEST_DAYS * DAY_S, NOW + _AHEAD_DAYS * DAY_S)
_POUNDS = st.sampled_from((0, 100, 3_999, 4_000, 15_000, 60_000))


@st.composite
def _event(draw: st.DrawFn, number: int) -> CustomerEvent:
    head: dict[str, Any] = {
        "event_id": f"e{number}",
        "source": "test",
        "occurred_at": draw(_INSTANTS),
    }
    match draw(st.sampled_from("pppprrccffan")):
        case "p":
            amount = draw(_POUNDS)
            return Purchase(**head, order_id="o", net_amount_minor=amount, currency="GBP")
        case "r":
            return Refund(
                **head,
                refund_id="r",
                amount_minor=1 + draw(_POUNDS),
                currency="GBP",
                kind="return",
                purchased_at=draw(st.none() | _INSTANTS),
                full=draw(st.booleans()),
            )
        case "c":
            return Complaint(
                **head,
                complaint_id=draw(st.sampled_from("klm")),
                action=draw(st.sampled_from(("opened", "opened", "resolved", "retracted"))),
                type=draw(st.sampled_from(("delivery", "billing"))),
                severity=draw(st.sampled_from((None, "low", "high", "critical"))),
            )
        case "f":
            score = draw(st.integers(1, 5))
            return Feedback(
                **head,
                feedback_id=draw(st.sampled_from("uvw")),
                action=draw(st.sampled_from(("given", "given", "retracted"))),
                kind="survey",
                metric=draw(st.sampled_from(("csat", "nps"))),
                polarity="negative" if score < 3 else "positive" if score > 3 else "neutral",
                score=score,
            )
        case "a":
            return Engagement(**head, kind="page_viewed")
    patch = {
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
