"""The lint of names: parameters that nothing reads, and names from outside that resemble own."""

from __future__ import annotations

import pytest

from rules.compiler.compile import compile_book

BOOK = """\
rulebook: shop
version: 1
zone: UTC
currency: GBP
include: [retail]
parameters:
  few: {value: 2, unit: orders, why: test}
  some: {value: 100, unit: GBP, why: test}
  enough: {value: 50, unit: score, why: test}
  often: {value: 5, unit: orders, why: test}
measures: {doubled: orders() * 2}
scores: {worthy: [{points: 60, if: measure.doubled > few}]}
dimensions:
  own: {measure: score.worthy, levels: [{name: high, from: enough}, {name: low}]}
tiers: {ladder: [{name: base}, {name: good, qualify: orders() > often}]}
actions:
  call_back: {when: spend() > some, cooldown: 7d}
"""
OUTSIDE = "groups: {g: %s}\n"


def advice(text: str) -> list[str]:
    return [str(warning) for warning in compile_book(text, "shop.yaml").warnings]


def test_what_is_read_is_not_advised_against() -> None:
    assert advice(BOOK) == []


def test_a_parameter_that_no_rule_reads() -> None:
    (advised,) = advice(BOOK.replace("orders() > often", "orders() > few"))
    what, hint = advised.splitlines()
    assert what == "shop.yaml:10: no rule reads `often`: whatever its value, nothing changes"
    assert hint == "    hint: take it out, or write it where it is meant"


@pytest.mark.parametrize(
    ("condition", "what", "meant"),
    [
        (
            "score.worthi > enough",
            "score.worthi is no score of this rulebook, so it comes from outside",
            "worthy",
        ),
        (
            "responses(action='callback') > 0",
            "`callback` is no action of this rulebook",
            "call_back",
        ),
    ],
)
def test_a_name_from_outside_that_resembles_an_own_one(
    condition: str, what: str, meant: str
) -> None:
    advised = f"shop.yaml:18: {what}\n    hint: did you mean {meant}?"
    assert advice(BOOK + OUTSIDE % f'"{condition}"') == [advised]


@pytest.mark.parametrize(
    "condition",
    ["score.worthy > enough", "score.balance > enough", "responses(action='newsletter') > 0"],
)
def test_names_of_their_own_pass(condition: str) -> None:
    assert advice(BOOK + OUTSIDE % f'"{condition}"') == []
