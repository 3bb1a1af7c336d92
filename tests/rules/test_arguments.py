"""Arguments of facts: what fits is compiled, what does not is refused with a hint."""

from __future__ import annotations

import pytest

from rules.facts import VOCABULARY, lookup
from rules.language.expression import BadExpression, parse_condition
from rules.language.tree import Compare, Constant, Fact, render
from tests.rules.resolving import resolver

RESOLVER = resolver()


@pytest.mark.parametrize(
    "written",
    [
        "spend(period='last_membership_year') > 0",
        "spend(category=['food', 'toys']) > 0",
        "orders(channel='online', days=90) > 0",
        "share('custom', days=365) > 0",
        "share(channel=['online', 'other']) > 0",
        "satisfaction(half_life=30, penalty=2.5) > 0",
        "top_category(rank=2) == 'food'",
        "days_since(profile.custom.trained_on) > 0",
        "number(profile.custom.seats) > 0",
        "last_feedback('kind') == 'review'",
        "consent('marketing')",
        "score.credit > 0",
        "profile.income > 0",
    ],
)
def test_a_resolved_fact_is_written_as_it_can_be_read_again(written: str) -> None:
    resolved = RESOLVER.condition(parse_condition(written))
    assert RESOLVER.condition(parse_condition(render(resolved))) == resolved
    assert isinstance(resolved, Compare)
    assert isinstance(resolved.left, Fact)
    assert lookup(resolved.left.name) is not None


def test_a_list_of_texts_is_an_argument() -> None:
    assert parse_condition("spend(category=['a', 'b']) > 0") == Compare(
        Fact("spend", (("category", ("a", "b")),)), ">", Constant(0)
    )


@pytest.mark.parametrize(
    ("written", "what", "hint"),
    [
        ("spend(period='week') > 0", "period='week' is not known", ""),
        ("spend(period='monht') > 0", "period='monht' is not known", "did you mean month?"),
        ("spend(days=9, period='month') > 0", "`days` or `period`, not both", ""),
        ("spend(category='a', channel='online') > 0", "cannot be combined", ""),
        ("spend(channel=['online', 'shop']) > 0", "channel='shop' is not known", "other"),
        ("spend(channel=[]) > 0", "cannot be an argument", "lists of texts"),
        ("spend(category=['a', 5]) > 0", "cannot be an argument", "lists of texts"),
        ("orders(category=['a', 'b']) > 0", "`category` is a text", ""),
        ("margin(category='a') > 0", "no argument `category`", ""),
        ("share(days=30) > 0", "needs one of: of, category, channel", ""),
        ("share('custom', channel='online') > 0", "cannot be combined", ""),
        ("top_category(rank=0) == 'a'", "`rank` is a whole number", "1 to 10"),
        ("satisfaction(half_life=0) > 0", "of 0 days is not possible", ""),
        ("satisfaction(penalty=200) > 0", "a number of points", "0 to 100"),
        ("days_since(profile.city) > 0", "not a date of the profile", "profile.joined_at"),
        ("flag(profile.city)", "not an attribute of one's own", "profile.custom"),
        ("relations(kind='cousin') > 0", "kind='cousin' is not known", "family"),
        ("feedback_count(kind='call') > 0", "kind='call' is not known", "review"),
        ("consent()", "consent needs `purpose`", "marketing"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_hint(written: str, what: str, hint: str) -> None:
    with pytest.raises(BadExpression) as refused:
        RESOLVER.condition(parse_condition(written))
    assert what in refused.value.what
    assert hint in refused.value.hint


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_a_fact_with_a_window_takes_days_and_periods(name: str) -> None:
    spec = VOCABULARY[name]
    assert spec.windowed == ("days" in spec.arguments) == ("period" in spec.arguments)
    assert spec.windowed or spec.motion in {"still", "rises", "turns"}
    assert set(spec.one_of) <= set(spec.arguments)
