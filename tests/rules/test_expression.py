"""The expression language: what it reads, its normal form, and what it refuses."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.language.expression import (
    DEPTH_MAX,
    TEXT_MAX,
    BadExpression,
    parse_condition,
    parse_value,
)
from rules.language.tree import (
    And,
    Arithmetic,
    Compare,
    Constant,
    Fact,
    Or,
    Parameter,
    comparisons_of,
    facts_of,
    render,
)
from tests.rules.strategies import conditions

SPEND = Fact("spend", (("days", 365),))


def test_a_comparison_of_a_fact_with_a_parameter() -> None:
    expected = Compare(SPEND, ">=", Parameter("much"))
    assert parse_condition("spend(days=365) >= much") == expected


def test_a_constant_is_moved_to_the_right() -> None:
    assert parse_condition("much <= spend(days=365)") == parse_condition("spend(days=365) >= much")
    assert parse_condition("0 == orders()") == parse_condition("orders() == 0")


def test_a_chain_is_a_conjunction() -> None:
    chain = parse_condition("0 < spend(days=365) <= much")
    assert chain == parse_condition("spend(days=365) > 0 and spend(days=365) <= much")


def test_not_is_pushed_down_to_the_comparisons() -> None:
    condition = parse_condition("not (orders() > 0 and churn.band in ('low', 'medium'))")
    assert condition == Or((
        Compare(Fact("orders"), "<=", Constant(0)),
        Compare(Fact("churn.band"), "not in", Constant(("low", "medium"))),
    ))  # fmt: skip


def test_conjunctions_in_conjunctions_are_one() -> None:
    condition = parse_condition("a() > x and (b() > x and c() > x)")
    assert isinstance(condition, And)
    assert [fact.name for fact in facts_of(condition)] == ["a", "b", "c"]
    assert len(list(comparisons_of(condition))) == 3


def test_a_fact_alone_is_a_condition() -> None:
    has = Fact("has", (("0", "profile.interests"), ("1", "golf")))
    condition = parse_condition("not has(profile.interests, 'golf')")
    assert condition == Compare(has, "!=", Constant(value=True))
    assert render(condition) == "not has(profile.interests, 'golf')"


def test_values_compute() -> None:
    value = parse_value("spend(days=365) / orders() - 2 * -0.5")
    assert isinstance(value, Arithmetic)
    assert value.op == "-"
    assert value.right == Arithmetic("*", Constant(2), Constant(-0.5))


@given(conditions(("segment.one",)))
def test_reading_what_was_written_gives_the_same_tree(text: str) -> None:
    tree = parse_condition(text)
    assert parse_condition(render(tree)) == tree


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("orders(", "cannot be read"),
        ("", "cannot be read"),
        ("orders() >= 1; import os", "cannot be read"),
        ("5", "neither true nor false"),
        ("orders() is 5", "'is' is not part"),
        ("orders() == True", "True and False"),
        ("orders() == None", "not part of the rule language"),
        ("[x for x in ()] == 0", "not part of the rule language"),
        ("(lambda: 0)() == 0", "not part of the rule language"),
        ("spend(days=90)[0] > 0", "not part of the rule language"),
        ("spend(**kw) > 0", "'**' is not part"),
        ("spend(days=orders()) > 0", "cannot be an argument"),
        ("spend(days=True) > 0", "cannot be an argument"),
        ("a.b().c > 0", "not a name"),
        ("orders() ** 2 > 0", "not part of the rule language"),
        ("f'{orders()}' == 'x'", "not part of the rule language"),
        ("profile.city in cities", "not a list of texts"),
        ("profile.city in ()", "not a list of texts"),
        ("profile.city in ('Hull' 'York')", "between 'Hull' and 'York' a comma is missing"),
        ("spend(category=['wine'\n'beer']) > 0", "a comma is missing"),
        ("profile.city == 'Hull' 'York'", "a comma is missing"),
        ("x := 5", "cannot be read"),
        ("a() > 0 and " * 200 + "a() > 0", "characters long"),
        ("not " * (DEPTH_MAX + 2) + "a() > 0", "too large"),
        ("(" * 900 + "a() > 0" + ")" * 900, "cannot be read"),
        ("\x00", "cannot be read"),
    ],
)
def test_everything_else_is_refused(text: str, what: str) -> None:
    with pytest.raises(BadExpression) as refused:
        parse_condition(text)
    assert what in refused.value.what


@given(st.text(max_size=TEXT_MAX + 10))
def test_no_text_is_more_than_refused(text: str) -> None:
    for parse in (parse_condition, parse_value):
        with suppress(BadExpression):
            parse(text)
