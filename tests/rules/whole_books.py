"""Generated rulebooks with every construct of the language, for the law compiled = explained."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import assume
from hypothesis import strategies as st

from models.churn import MbgNbd
from models.churn_model import RiskModel
from models.customer import CustomerState
from models.events import Complaint, CustomerEvent, Engagement, Purchase, RfmCutsActivated
from rules.book import Book, Given
from rules.compiler.compile import compile_book
from tests.rules.strategies import NOW, PARAMETERS, ZONE, conditions, customers, is_meant

_BEFORE = (
    *("segment.single == 'a'", "segment.single not in ('b', 'c')", "has(segment.many, 'x')"),
    *("not has(segment.many, 'y')", "segment.open == 'retail'", "segment.open != 'farm'"),
    *("segment.table in ('big', 'small')", "lifecycle == 'new'", "lifecycle in ['churned']"),
    *("rfm.segment == 'lost'", "rfm.r >= score_2", "rfm.m < score_4", "rfm.f > score_2"),
    *("score.own >= score_4", "measure.monthly > money_1", "lookup('cost', profile.city) > 0"),
    *("churn.risk > third", "expected_purchases(days=30) < orders_1", "local", "not domestic"),
    *("value_forecast() > money_40", "churn.band == 'high'"),
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
def books(draw: st.DrawFn) -> Book:
    """Draw a rulebook that passes the check, compiled."""
    plain, before, after = conditions(), _mixed(_BEFORE), _mixed((*_BEFORE, *_AFTER))
    moment = st.sampled_from(_MOMENTS)
    when = st.one_of(moment, st.builds("({}) or ({})".format, moment, moment), after)
    when |= st.builds("({}) and ({})".format, moment, after)
    text = yaml.safe_dump(
        {
            **_head(draw),
            "scores": {
                "own": [{"points": p, "if": draw(plain)} for p in (2, 1.5, draw(st.integers(0, 3)))]
            },
            "dimensions": {
                "single": _cases("first_match", draw(plain), draw(plain), declared=draw(_DECLARED)),
                "many": _many(draw, plain),
                "open": {"value_of": "profile.industry", **_only_if(draw, plain)},
                "table": {"value_of": "lookup('size', profile.city)"},
                "mixed": _cases("first_match", draw(before), draw(before)),
                "late": _cases("first_match", draw(st.sampled_from(_AFTER[:5])), draw(before)),
            },
            "tiers": {"ladder": [{"name": "base"}, {"name": "t0", "qualify": draw(before)}]},
            "groups": {"some": draw(st.one_of(before, _mixed(_AFTER[:4])))},
            "policies": {f"p{i}": {"while": draw(after)} for i in range(2)},
            "actions": {f"a{i}": _action(draw, when, after) for i in range(3)},
        },
        sort_keys=False,
    )
    assume(is_meant(text))
    return compile_book(text)


_DECLARED = st.sampled_from((None, "profile.scale"))


def _head(draw: st.DrawFn) -> dict[str, Any]:
    bands = {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}}
    lifecycle = {"new_for": "30d", "churned_after": "180d", "at_risk": "churn.band == 'high'"}
    if draw(st.booleans()):
        lifecycle["loyal"] = draw(conditions())
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
        "churn": {"horizon": "90d", "bands": bands},
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
def known_customers(draw: st.DrawFn) -> CustomerState:
    """Draw a customer with a place to live, and with conclusions of an evaluation before."""
    state = draw(customers())
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
    concluded.tier = draw(st.sampled_from((None, 0, 1)))
    concluded.band = draw(st.sampled_from((None, 0, 1, 2)))
    single, mask = st.sampled_from((None, 0, 1, 2)), st.sampled_from((None, 0, 1, 2, 3))
    opened, inside = st.sampled_from((None, "retail", "farm")), st.sampled_from((0, 1))
    concluded.categories = draw(
        st.one_of(
            st.just([]),
            st.tuples(single, mask, opened, st.none(), single, single, single, single, inside).map(
                list
            ),
        )
    )
    return state


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
        Engagement(event_id="e", source="t", occurred_at=NOW, kind="page_viewed"),
    )
)  # fmt: skip
