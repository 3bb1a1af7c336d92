"""Generated rulebooks and customers: what the laws of the rule language are checked on."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import assume
from hypothesis import strategies as st

from models.errors import BadRulebook
from rules.eras import compiled
from rules.facts.windows import PERIODS
from tests.rules.histories import NOW, TODAY, ZONE, customers, events

__all__ = [
    "NOW",
    "PARAMETERS",
    "TODAY",
    "ZONE",
    "conditions",
    "customers",
    "events",
    "is_meant",
    "rulebooks",
]

_DAYS = st.sampled_from((7, 30, 90, 365))
PARAMETERS: dict[str, dict[str, Any]] = {
    **{f"money_{n}": {"value": n, "unit": "GBP", "why": "generated"} for n in (1, 40, 150, 600)},
    **{f"orders_{n}": {"value": n, "unit": "orders", "why": "generated"} for n in (1, 2, 5)},
    **{f"days_{n}": {"value": n, "unit": "days", "why": "generated"} for n in (3, 20, 200)},
    **{f"cases_{n}": {"value": n, "unit": "complaints", "why": "generated"} for n in (1, 2)},
    **{f"words_{n}": {"value": n, "unit": "feedback", "why": "generated"} for n in (1, 2)},
    **{f"deeds_{n}": {"value": n, "unit": "activities", "why": "generated"} for n in (1, 3)},
    **{f"score_{n}": {"value": n, "unit": "score", "why": "generated"} for n in (2, 4, 60)},
    **{f"items_{n}": {"value": n, "unit": "quantity", "why": "generated"} for n in (2, 5)},
    **{f"people_{n}": {"value": n, "unit": "customers", "why": "generated"} for n in (1, 2)},
    **{f"years_{n}": {"value": n, "unit": "years", "why": "generated"} for n in (30, 40)},
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
    "score": ("score_2", "score_4", "score_60"),
    "items": ("0", "items_2", "items_5"),
    "people": ("people_1", "people_2"),
    "years": ("years_30", "years_40"),
    "share": ("tenth", "third"),
}
_OPERATORS = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))


@st.composite
def _measure(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a numeric expression and the key of its unit."""
    n = draw(_DAYS)
    period = draw(st.sampled_from(PERIODS))
    window = draw(st.sampled_from((f"days={n}", f"period='{period}'", "")))
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
        (f"feedback_count(kind='review', topic='brand'{and_window})", "words"),
        (f"feedback_mean(metric='csat'{and_window})", "score"),
        (f"public_praise({window})", "words"),
        ("satisfaction(half_life=30, penalty=25)", "score"),
        (f"complaint_amount({window})", "money"),
        (f"repeat_complaints({window})", "cases"),
        (f"spend(channel='online'{and_window})", "money"),
        (f"spend(category=['food', 'toys']{and_window})", "money"),
        (f"orders(channel=['online', 'other']{and_window})", "orders"),
        (f"orders(category='food'{and_window})", "orders"),
        (f"refunds(channel='online'{and_window})", "money"),
        (f"quantity({window})", "items"),
        (f"quantity(category='food'{and_window})", "items"),
        (f"margin({window})", "money"),
        (f"margin(channel='online'{and_window})", "money"),
        (f"largest_order({window})", "money"),
        (f"quantity_per_order({window})", "items"),
        (f"discount_rate({window})", "share"),
        (f"share('custom'{and_window})", "share"),
        (f"share(channel='online'{and_window})", "share"),
        (f"share(category='food'{and_window})", "share"),
        (f"order_interval_days({window})", "days"),
        (f"order_stability({window})", "share"),
        (f"quantity_stability({window})", "share"),
        (f"late_deliveries({window})", "orders"),
        (f"usage(unit='hours'{and_window})", "items"),
        (f"referrals({window})", "people"),
        ("relations()", "people"),
        ("relations(kind='family')", "people"),
        (f"responses({window})", "deeds"),
        (f"responses(action='call'{and_window})", "deeds"),
        ("days_since_contact()", "days"),
        ("days_since_contact(kind='visit')", "days"),
        ("days_since(profile.hired_on)", "days"),
        ("age()", "years"),
        ("score.credit", "score"),
        ("profile.income", "money"),
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
        "consent('marketing')",
        "not flag(profile.custom.club)",
        "number(profile.custom.seats) >= staff",
        "last_feedback('polarity') == 'negative'",
        "top_category(days=90) == 'food'",
        "top_category(period='last_month', rank=2) in ('food', 'toys')",
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
    text = yaml.safe_dump(
        {
            "rulebook": "generated",
            "version": 1,
            "zone": ZONE.name,
            "currency": "GBP",
            "personal": ["age", "culture", "gender"],
            "parameters": PARAMETERS,
            "dimensions": dimensions,
            "tiers": {"ladder": ladder},
            "churn": {"horizon": "90d", "bands": bands},
        },
        sort_keys=False,
    )
    assume(is_meant(text))
    return text


def is_meant(text: str) -> bool:
    """Tell whether the lint has nothing against what a generator joined by chance."""
    try:
        compiled(text)
    except BadRulebook as error:
        findings = str(error)
        return not any(words in findings for words in ("can never", "reaches", "asks for more"))
    return True


def _categories(dimension: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in dimension.get("levels") or dimension["first_match"]}
