"""What differs between two rulebooks, and what the control topic remembers."""

from __future__ import annotations

import json

import pytest

from rules import catalog
from rules.compiler.compile import compile_book
from rules.language.entries import Rulebook
from streams.commands.changing import read_history
from streams.commands.ruling import activation
from streams.jobs.difference import Change, differences
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.topics import CONTROL

TEXT = """
rulebook: shop
version: 1
zone: UTC
currency: EUR
parameters:
  much: {value: 1000, unit: EUR, why: "a tenth spends as much"}
  few: {value: 2, unit: orders, why: "came back"}
dimensions:
  habit:
    first_match:
      - {name: active, when: "orders(days=90) >= few"}
      - {name: quiet, otherwise: true}
tiers:
  ladder:
    - {name: basic}
    - {name: gold, qualify: "spend(days=365) >= much", grace: 10d}
policies:
  desk: {while: "tier == 'gold'"}
actions:
  call: {when: "happened('complaint')", cooldown: 7d}
"""


def source(text: str) -> Rulebook:
    return compile_book(text).source


def changed(*swaps: tuple[str, str]) -> list[Change]:
    text = TEXT
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return differences(source(TEXT), source(text))


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_rulebook_does_not_differ_from_itself(name: str) -> None:
    book = source(catalog.text(name))
    assert differences(book, book) == []


def test_a_parameter_is_told_with_its_values_and_the_new_reason() -> None:
    assert changed(
        ('{value: 1000, unit: EUR, why: "a tenth', '{value: 1500, unit: EUR, why: "5 %')
    ) == [
        Change("parameters", "much", "changed", "", "1,000 EUR", "1,500 EUR", "5 % spends as much")
    ]


def test_another_reason_alone_is_told_as_such() -> None:
    (change,) = changed(("came back", "came again"))
    assert (change.part, change.old, change.new) == ("reason", "came back", "came again")


def test_expressions_stand_side_by_side() -> None:
    assert changed(("spend(days=365) >= much", "spend(days=180) >= much")) == [
        Change(
            *("tiers", "gold", "changed", "qualify"),
            *("spend(days=365) >= much", "spend(days=180) >= much"),
        )
    ]


def test_line_breaks_in_an_expression_are_no_change() -> None:
    assert (
        changed(('qualify: "spend(days=365) >= much"', 'qualify: "spend(days=365)   >=   much"'))
        == []
    )


def test_what_comes_goes_and_is_renamed() -> None:
    found = changed(
        ("desk: {while", "golden_desk: {was: [desk], while"),
        ("call: {when: \"happened('complaint')\"", "visit: {when: \"happened('complaint')\""),
        ("name: active,", "name: busy, was: [active],"),
    )
    told = [(c.section, c.name, c.kind, c.part) for c in found]
    assert ("policies", "golden_desk", "renamed", "") in told
    assert ("dimensions", "habit", "renamed", "category busy") in told
    assert ("actions", "visit", "added", "") in told
    assert ("actions", "call", "removed", "") in told
    removed = next(c for c in found if c.kind == "removed")
    assert removed.old == "when: happened('complaint'); cooldown: 7d"


def test_the_ladder_tells_new_tiers_its_order_and_its_timing() -> None:
    silver = '    - {name: silver, qualify: "orders() >= few"}\n    - {name: gold'
    found = changed(
        ("    - {name: gold", silver),
        ("  ladder:", "  upgrade: review\n  review: monthly\n  ladder:"),
    )
    told = {(c.name, c.kind, c.part): (c.old, c.new) for c in found}
    assert told["silver", "added", ""] == (None, "qualify: orders() >= few")
    assert told["ladder", "changed", "upgrade"] == ("immediate", "review")
    assert told["ladder", "changed", "order"] == ("basic < gold", "basic < silver < gold")


def test_a_renamed_tier_is_no_other_ladder() -> None:
    found = changed(
        ("{name: gold,", "{name: golden, was: [gold],"), ("tier == 'gold'", "tier == 'golden'")
    )
    assert [(c.section, c.name, c.kind) for c in found] == [
        ("tiers", "golden", "renamed"),
        ("policies", "desk", "changed"),
    ]


def test_the_order_of_cases_matters() -> None:
    first = '{name: active, when: "orders(days=90) >= few"}'
    second = '{name: late, when: "orders(days=30) == 0"}'
    one = TEXT.replace(f"- {first}", f"- {first}\n      - {second}")
    other = TEXT.replace(f"- {first}", f"- {second}\n      - {first}")
    (change,) = differences(source(one), source(other))
    assert (change.part, change.new) == ("order", "late, active, quiet")


async def test_history_lists_what_came_into_force_and_who_did_it() -> None:
    log, book = MemoryLog(lambda: 1_700_000_000), compile_book(TEXT)
    released = {
        "event": "clock.released",
        "source": "old",
        "ends": {"0": 1},
        "by": "ops",
        "reason": "retired",
    }
    override = {
        "event": "override.set", "event_id": "o", "occurred_at": "2026-01-01T00:00:00Z",
        "source": "crm", "schema_version": 1, "customer_id": "anna", "override_id": "x",
        "tier": "gold", "reason": "vip", "by": "kim",
    }  # fmt: skip
    values = [
        activation(TEXT, book, by="kim", reason="the new ladder"),
        json.dumps(override).encode(),
        json.dumps(released).encode(),
        b"nonsense",
        activation(TEXT, book, by="lee"),
    ]
    log.append(Append(CONTROL, 0, [Entry(None, value) for value in values]))
    past = await read_history(log, CONTROL, 50)
    assert [(p.number, p.by, p.what, p.reason) for p in past if p.by] == [
        (0, "kim", "rulebook shop 1", "the new ladder"),
        (2, "ops", "the clock goes on without old", "retired"),
        (4, "lee", "rulebook shop 1", ""),
    ]
    refused = next(p for p in past if not p.by)
    assert (refused.number, refused.what) == (3, "refused")
    assert [p.number for p in await read_history(log, CONTROL, 1)] == [4]
