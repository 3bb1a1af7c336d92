"""Whatever a rulebook calls its things, and however it is written: it works, or it is refused."""

from __future__ import annotations

import pytest

from models.decisions import ActionRequested
from models.errors import BadRulebook
from models.events import Line, Profile
from models.wire.eras import BOOK_BYTES_MAX
from rules.compiler.compile import compile_book
from rules.explanation.view import View
from tests.rules.driving import Driver, at

_HEAD = """
rulebook: named
version: 1
zone: UTC
currency: EUR
parameters:
  much: {value: 100, unit: EUR, why: x}
  used: {value: 3, unit: quantity, why: x}
"""
_TIERS = "tiers: {ladder: [{name: base}, {name: good, qualify: 'spend(days=30) >= much'}]}\n"


def lived(text: str) -> Driver:
    """Let a customer say where she lives, buy, and be silent."""
    customer = Driver(f"{_HEAD}{text}{_TIERS}", first_tick=at(0))
    patch = {"city": "Berlin"}
    said = Profile(event_id="p", source="crm", occurred_at=at(0), patch=patch)
    assert customer.take(said).decisions
    assert customer.take(customer.purchase(at(0, 1), 20_000)).decisions
    customer.pass_to(at(100))
    assert [tier for _, tier, _ in customer.tiers()] == ["base", "good", "base"]
    return customer


NAMES = (
    "class import type day sum len start bisect_right total folded segment_e segment_d wakes "
    "reached look facts zone kind holds"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_table_may_have_any_name(name: str) -> None:
    book = f"""
tables:
  {name}: {{entries: {{Berlin: a, Bonn: b}}}}
dimensions:
  d: {{value_of: "lookup('{name}', profile.city)"}}
  e: {{first_match: [{{name: near, when: "segment.d == 'a'"}}, {{name: far, otherwise: true}}]}}
actions:
  call: {{when: "happened('complaint', type='delivery') or segment.d == 'b'", cooldown: 3d}}
"""
    assert lived(book).known.concluded.categories == ["a", 0]


@pytest.mark.parametrize("unit", ["m²", "½", "kWh", "Ａ", "立方米", "if"])
def test_a_unit_may_have_any_letters(unit: str) -> None:
    lived(
        f"""
dimensions:
  d: {{measure: "usage(unit='{unit}', days=30)", levels: [{{name: a, from: used}}, {{name: b}}]}}
"""
    )


def test_letters_that_python_takes_for_the_same_stay_apart() -> None:
    customer = lived(
        """
dimensions:
  d:
    first_match:
      - name: plain
        when: "spend(category='Ａ', days=200) < much and spend(category='A', days=200) >= much"
      - {name: other, otherwise: true}
"""
    )
    line = Line(line_id="1", net_amount_minor=20_000, category="A")
    customer.take(customer.purchase(at(100), 20_000, lines=(line,)))
    book = customer.reducer.eras[-1].book
    assert book is not None
    view = View(book, customer.known, at(100), None, customer.reducer.eras[-1].given)
    assert view.category("d") == "plain"
    assert customer.known.concluded.categories == [0]


def test_a_dimension_may_bear_the_name_of_what_was_before() -> None:
    customer = lived(
        """
dimensions:
  habit:
    first_match:
      - {name: a, when: "spend(days=200) >= much"}
      - {name: b, otherwise: true}
  habit_before:
    first_match:
      - {name: old, when: "spend(days=400) >= much"}
      - {name: new, otherwise: true}
actions:
  one: {when: "entered(segment.habit, 'a')", valid_for: 1d}
  two: {when: "segment.habit_before == 'old'", valid_for: 1d}
"""
    )
    asked = [d for d in customer.said if isinstance(d, ActionRequested)]
    assert [(each.action, each.cause.type) for each in asked] == [
        ("one", "purchase"),
        ("two", "purchase"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        'label: {en: "\\ud800"}\n',
        f'groups: {{g: "orders(days=30) >= {"-" * 900}1"}}\n',
        f'groups: {{g: "a{"[0]" * 600} > 1"}}\n',
        f'groups: {{g: "a{"()" * 800} > 1"}}\n',
        f'groups: {{g: "{".".join("a" * 990)} > 1"}}\n',
    ],
)
def test_what_cannot_be_compiled_is_refused(broken: str) -> None:
    assert len(broken) < BOOK_BYTES_MAX
    with pytest.raises(BadRulebook):
        compile_book(f"{_HEAD}{broken}{_TIERS}")
