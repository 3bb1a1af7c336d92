"""Generated rulebooks with every construct of the language, for the law compiled = explained."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import assume
from hypothesis import strategies as st

from models.churn import MbgNbd
from models.churn_model import RiskModel
from models.customer import CustomerState
from models.events import (
    Complaint,
    CustomerEvent,
    Engagement,
    Feedback,
    Purchase,
    Refund,
    RfmCutsActivated,
)
from rules.book import Book, Given
from rules.eras import compiled
from tests.rules.strategies import NOW, PARAMETERS, ZONE, conditions, is_meant

_BEFORE = (
    *("segment.single == 'a'", "segment.single not in ('b', 'c')", "has(segment.many, 'x')"),
    *("not has(segment.many, 'y')", "segment.open == 'retail'", "segment.open != 'farm'"),
    *("segment.table in ('big', 'small')", "lifecycle == 'new'", "lifecycle in ['churned']"),
    *("rfm.segment == 'lost'", "rfm.r >= score_2", "rfm.m < score_4", "rfm.f > score_2"),
    *("score.own >= score_4", "measure.monthly > money_1", "lookup('cost', profile.city) > 0"),
    *("churn.risk > third", "expected_purchases(days=30) < orders_1", "local", "not domestic"),
    *("value_forecast() > money_40", "churn.band == 'high'", "segment.level != 'c'"),
    *("measure.monthly * 12 >= money_150", "score.own + score_2 < score_4"),
)
_AFTER = (
    *("tier == 't0'", "tier in ('base', 't0')", "tier != 'base'", "has(tier.matched, 't0')"),
    *("group.some", "not group.some", "group.some == 'in'", "segment.late == 'a'"),
)
_MOMENTS = (
    *("entered(segment.single, 'a')", "left(segment.single, 'a')", "entered(tier, 't0')"),
    *("left(tier, 't0')", "entered(segment.many, 'x')", "left(segment.many, 'x')"),
    *("entered(segment.open, 'retail')", "left(segment.open, 'retail')", "left(group.some, 'in')"),
    *("entered(lifecycle, 'churned')", "entered(segment.late, 'a')", "entered(churn.band, 'high')"),
    *("left(segment.level, 'a')", "entered(rfm.segment, 'lost')", "happened('refund')"),
    *("happened('feedback', polarity='negative')", "happened('purchase', channel='online')"),
    *("happened('complaint')", "happened('complaint', severity_from='high')"),
    *(
        "happened('complaint', type='delivery')",
        "happened('purchase')",
        "entered(group.some, 'in')",
    ),
    *("happened('engagement', kind='page_viewed')", "left(churn.band, 'low')"),
)


def _mixed(atoms: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Draw a condition of one of the atoms, joined with another condition."""
    atom = st.sampled_from(atoms)
    return st.one_of(
        atom,
        st.builds("({}) and ({})".format, atom, atom),
        st.builds("({}) or ({})".format, atom, atom),
        st.builds("({}) or ({})".format, atom, conditions()),
        st.builds("({}) and not ({})".format, conditions(), atom),
    )


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw the text of a rulebook that passes the check."""
    plain, before, after = conditions(), _mixed(_BEFORE), _mixed((*_BEFORE, *_AFTER))
    moment = st.sampled_from(_MOMENTS)
    when = st.one_of(moment, st.builds("({}) or ({})".format, moment, moment), after)
    when |= st.builds("({}) and ({})".format, moment, after)
    text = yaml.safe_dump(
        {
            **_head(draw),
            "scores": {
                "own": [{"points": p, "if": draw(plain)} for p in (2, 1.5, draw(st.integers(1, 3)))]
            },
            "dimensions": {
                "single": _cases("first_match", draw(plain), draw(plain), declared=draw(_DECLARED)),
                "many": _many(draw, plain),
                "open": {"value_of": "profile.industry", **_only_if(draw, plain)},
                "table": {"value_of": "lookup('size', profile.city)"},
                "mixed": _cases("first_match", draw(before), draw(before)),
                "late": _cases("first_match", draw(st.sampled_from(_AFTER[:5])), draw(before)),
                "level": _levels(draw, plain),
            },
            "tiers": _tiers(draw, before),
            "groups": {"some": draw(st.one_of(before, _mixed(_AFTER[:4])))},
            "policies": {f"p{i}": {"while": draw(after)} for i in range(2)},
            "actions": {f"a{i}": _action(draw, when, after) for i in range(3)},
        },
        sort_keys=False,
    )
    assume(is_meant(text))
    return text


def books() -> st.SearchStrategy[Book]:
    """Draw a rulebook that passes the check, compiled."""
    return texts().map(compiled)


_DECLARED = st.sampled_from((None, "profile.scale"))


def _head(draw: st.DrawFn) -> dict[str, Any]:
    bands = {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}}
    lifecycle = {"new_for": "30d", "churned_after": "180d", "at_risk": "churn.band == 'high'"}
    if draw(st.booleans()):
        lifecycle["loyal"] = draw(conditions())
    churn: dict[str, Any] = {"horizon": "90d", "bands": bands}
    if draw(st.booleans()):
        churn |= {"minimum_history": "14d", "minimum_stay": "24h", "score_step": 10}
    return {
        "rulebook": "generated",
        "version": 1,
        "zone": ZONE.name,
        "currency": "GBP",
        "personal": ["age"],
        "parameters": PARAMETERS,
        "tables": {
            "size": {"entries": {"Leeds": "big", "York": "small"}},
            "cost": {"unit": "GBP", "entries": {"Leeds": 900, "Hull": 0}},
        },
        "sites": [{"country": "GB", "city": "Leeds"}, {"country": "IE", "province": "Cork"}],
        "measures": {"monthly": "spend(days=365) / 12"},
        "lifecycle": lifecycle,
        "rfm": True,
        "churn": churn,
    }


def _cases(construct: str, one: str, other: str, *, declared: str | None = None) -> dict[str, Any]:
    whens = [{"name": "a", "when": one}, {"name": "b", "when": other}]
    entry: dict[str, Any] = {construct: [*whens, {"name": "c", "otherwise": True}]}
    return entry | ({} if declared is None else {"declared": declared})


def _many(draw: st.DrawFn, plain: st.SearchStrategy[str]) -> dict[str, Any]:
    cases: list[dict[str, Any]] = [{"name": n, "when": draw(plain)} for n in ("x", "y")]
    if draw(st.booleans()):
        cases.append({"name": "z", "otherwise": True})
    return {"all_matches": cases, **_only_if(draw, plain)}


def _levels(draw: st.DrawFn, plain: st.SearchStrategy[str]) -> dict[str, Any]:
    measure, high, low = draw(st.sampled_from(_MEASURES))
    top = {"name": "a", "from": high} | ({"keep": low} if draw(st.booleans()) else {})
    levels = [top, {"name": "b", "from": low}, {"name": "c"}]
    return {"measure": measure, "levels": levels, **_only_if(draw, plain)}


_MEASURES = (
    *(("spend(days=90)", "money_600", "money_40"), ("orders()", "orders_5", "orders_1")),
    *(("score.own", "score_4", "score_2"), ("measure.monthly", "money_40", "money_1")),
    *(("days_since_purchase()", "days_200", "days_20"), ("churn.risk", "third", "tenth")),
)


def _tiers(draw: st.DrawFn, before: st.SearchStrategy[str]) -> dict[str, Any]:
    """Draw a ladder, and how customers move on it."""
    reviews = st.sampled_from(
        (
            *("continuous", "continuous", "monthly", "quarterly", "yearly"),
            *("anniversary of joining", "anniversary of the tier"),
        )
    )
    timing: dict[str, Any] = {"review": draw(reviews)}
    is_reviewed = timing["review"] != "continuous"
    if is_reviewed and draw(st.booleans()):
        timing["upgrade"] = "review"
    timing["downgrade"] = draw(st.sampled_from(("one_step", "to_qualified")))
    timing["refund"] = draw(st.sampled_from(("immediate", "grace")))
    steps = [_step(draw, f"t{index}", before, is_reviewed=is_reviewed) for index in range(2)]
    return timing | {"ladder": [{"name": "base"}, *steps]}


def _step(
    draw: st.DrawFn, name: str, before: st.SearchStrategy[str], *, is_reviewed: bool
) -> dict[str, Any]:
    step = {"name": name, "qualify": draw(before), "grace": draw(st.sampled_from(("1d", "20d")))}
    if draw(st.booleans()):
        step["keep"] = draw(before)
    if draw(st.booleans()):
        step["minimum_stay"] = "45d"
    if is_reviewed and draw(st.booleans()):
        step["warn"] = draw(st.sampled_from(("5d", "40d")))  # also longer than a month
    return step


def _only_if(draw: st.DrawFn, plain: st.SearchStrategy[str]) -> dict[str, str]:
    return {"only_if": draw(plain)} if draw(st.booleans()) else {}


def _action(
    draw: st.DrawFn, when: st.SearchStrategy[str], after: st.SearchStrategy[str]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"cooldown": "30d"}
    entry |= {"when": draw(when)} if draw(st.booleans()) else {"every": "90d"}
    if draw(st.booleans()):
        entry["while"] = draw(after)
    if draw(st.booleans()):
        entry["consent"] = "marketing"
    if draw(st.booleans()):
        entry |= {"valid_for": "36h", "on_activation": True, "with": {"n": "orders()", "t": "tier"}}
    return entry


_CUTS = RfmCutsActivated(
    number=1, by="test", version=1,
    recency=(5.5, 30, 90, 200), frequency=(1, 2, 3, 6), monetary=(100, 4_000, 20_000, 60_000),
)  # fmt: skip
GIVENS = st.builds(
    Given,
    st.sampled_from((None, _CUTS)),
    st.builds(
        RiskModel,
        st.builds(
            MbgNbd,
            r=st.sampled_from((0.3, 1.0)),
            alpha_days=st.sampled_from((10.0, 60.0)),
            a=st.sampled_from((0.5, 1.0, 2.0)),
            b=st.sampled_from((1.0, 2.5)),
        ),
    ),
)


@st.composite
def remembered(draw: st.DrawFn) -> CustomerState:
    """Draw a customer with a place to live, and with conclusions of an evaluation before."""
    state = CustomerState()
    for name, values in (
        ("city", ("Leeds", "York", "Hull")),
        ("province", ("Cork",)),
        ("country", ("GB", "FR")),
        ("consents.marketing.granted", (True, False)),
    ):
        value = draw(st.sampled_from((None, *values)))
        if value is not None:
            state.facts.profile[name] = (NOW, value)
    concluded = state.concluded
    concluded.tier = draw(st.sampled_from((None, 0, 1, 2)))
    concluded.band = draw(st.sampled_from((None, 0, 1, 2)))
    concluded.categories = draw(st.just([]) | _CATEGORIES)
    return state


_ONE, _MASK = st.sampled_from((None, 0, 1, 2)), st.sampled_from((None, 0, 1, 2, 3))
_OPEN, _MEMBER = st.sampled_from((None, "retail", "farm")), st.sampled_from((0, 1))
_CATEGORIES: st.SearchStrategy[list[Any]] = st.tuples(
    *(_ONE, _MASK, _OPEN, st.none()), *([_ONE] * 5), _MEMBER
).map(list)
"""In the order of the generated dimensions; then the lifecycle, RFM and the group."""


EVENTS: st.SearchStrategy[CustomerEvent | None] = st.sampled_from(
    (
        None,
        Purchase(
            event_id="p", source="t", occurred_at=NOW, order_id="o", net_amount_minor=1,
            currency="GBP",
        ),
        *(
            Complaint(
                event_id="c", source="t", occurred_at=NOW, complaint_id="c", action=action,
                type="delivery", severity=severity,
            )
            for action in ("opened", "resolved")
            for severity in (None, "low", "critical")
        ),
        Refund(
            event_id="r", source="t", occurred_at=NOW, refund_id="r", amount_minor=4_000,
            currency="GBP", kind="return",
        ),
        Feedback(
            event_id="f", source="t", occurred_at=NOW, feedback_id="f", action="given",
            kind="survey", metric="csat", polarity="negative", score=1,
        ),
        Engagement(event_id="e", source="t", occurred_at=NOW, kind="page_viewed"),
    )
)  # fmt: skip
