"""What differs between two rulebooks, and what the control topic remembers."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rules import catalog
from rules.compiler.compile import compile_book
from rules.language.entries import Rulebook
from streams.commands.changing import Past, diff, has_places, past_table, read_history
from streams.commands.common import CommandFailed
from streams.commands.ruling import activation
from streams.jobs.difference import Change, differences, unplaced
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


def test_a_dimension_that_is_dropped_is_told() -> None:
    start, end = TEXT.index("dimensions:"), TEXT.index("tiers:")
    (change,) = differences(source(TEXT), source(TEXT[:start] + TEXT[end:]))
    assert (change.section, change.name, change.kind) == ("dimensions", "habit", "removed")
    assert change.old is not None
    assert "category active: when orders(days=90) >= few" in change.old


@pytest.mark.parametrize(
    ("swaps", "lost"),
    [
        ([], []),
        ([("{name: gold,", "{name: golden,"), ("'gold'", "'golden'")], ["the tier `gold`"]),
        ([("{name: gold,", "{name: golden, was: [gold],"), ("'gold'", "'golden'")], []),
        ([("{name: active,", "{name: busy,")], ["the category `active` of `habit`"]),
        ([("{name: active,", "{name: busy, was: [active],")], []),
        ([("habit:", "custom:")], []),  # the dimension itself is gone
        (
            [("habit:", "custom:\n    was: [habit]"), ("{name: quiet,", "{name: still,")],
            ["the category `quiet` of `habit`"],
        ),
    ],
)
def test_customers_need_a_place(swaps: list[tuple[str, str]], lost: list[str]) -> None:
    text = TEXT
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    assert unplaced(source(TEXT), source(text)) == lost


def test_a_rulebook_that_leaves_customers_without_a_place_is_not_activated() -> None:
    before = compile_book(TEXT)
    without = TEXT.replace("{name: gold,", "{name: best,").replace("'gold'", "'best'")
    with pytest.raises(CommandFailed, match=r"shop 1 .* the tier `gold`.* `was: \[silver\]`"):
        has_places(before, compile_book(without))
    has_places(before, before)
    has_places(None, before)


def test_a_rulebook_in_another_currency_is_not_activated() -> None:
    before = compile_book(TEXT)
    currency = before.currency
    other = compile_book(TEXT.replace(currency, "JPY"))
    with pytest.raises(CommandFailed, match=f"counts in JPY.* keep `currency: {currency}`"):
        has_places(before, other)


@pytest.mark.parametrize(
    ("swaps", "refused"),
    [
        (
            [("version: 1", "version: 2"), ("{name: active,", "{name: busy,")],
            ["the category `active` of `habit` is gone, and no `was:` takes its place"],
        ),
        (
            [("version: 1", "version: 2"), ("EUR", "CHF")],
            ["what is known of customers is in EUR, and stays so"],
        ),
        (
            [("grace: 10d", "grace: 20d")],
            ["a version that has been in force means one text for ever; raise `version:`"],
        ),
        ([("version: 1", "version: 1  # as before")], []),
    ],
)
def test_a_difference_that_activation_refuses_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    swaps: list[tuple[str, str]],
    refused: list[str],
) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    text = TEXT
    old.write_text(text, encoding="utf-8")
    for before, after in swaps:
        assert before in text
        text = text.replace(before, after)
    new.write_text(text, encoding="utf-8")
    diff(old, new)
    lines = capsys.readouterr().out.splitlines()
    said = "activation would be refused: "
    assert [line.removeprefix(said) for line in lines if line.startswith(said)] == refused


def test_what_goes_into_a_pipe_is_not_cut(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT, encoding="utf-8")
    names = " and ".join(f"orders(days={days}) >= few" for days in range(100, 110))
    long = tmp_path / "long.yaml"
    long.write_text(TEXT.replace("orders(days=90) >= few", names), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "streams", "rules", "diff", str(file), str(long)],
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert names in done.stdout
    assert "…" not in done.stdout


def test_where_space_is_short_no_part_of_the_history_is_cut() -> None:
    reason = "https://wiki.example.com/decisions/2026/the-ladder-gets-another-step-for-our-best"
    past = [Past(1_234, 1_700_000_000, "katharina.mustermann", f"rulebook {'a' * 60} 1", reason)]
    console = Console(width=80, file=StringIO(), soft_wrap=True)
    console.print(past_table(past))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "2023-11-14T22:13:20Z" in shown
    assert "…" not in shown
    rows = [line.split("│") for line in shown.splitlines() if line.startswith("│")]
    assert "".join(row[5].strip() for row in rows) == reason
