"""The rulebook's text: YAML 1.2 core, and every mistake with file, line and hint."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRulebook
from rules import catalog
from rules.compiler.compile import compile_book
from rules.language.document import SIZE_MAX, load
from rules.language.rulebook import read

HEAD = """\
rulebook: shop
version: 1
zone: UTC
currency: GBP
"""
WHOLE = HEAD + "tiers:\n  ladder:\n    - {name: base}\n"


def refused(text: str) -> str:
    with pytest.raises(BadRulebook) as error:
        compile_book(text, "shop.yaml")
    return str(error.value)


def test_the_smallest_rulebook() -> None:
    rulebook, _ = read(WHOLE, "shop.yaml")
    assert (rulebook.rulebook, rulebook.version, rulebook.tiers.downgrade) == (
        *("shop", 1), "to_qualified")  # fmt: skip


def test_words_that_older_yaml_mistakes_are_texts() -> None:
    data = load("a: on\nb: NO\nc: 12:30\nd: 2026-01-05\ne: 1_000\nf: yes\ng: '5'\n", "x").data
    assert data == {
        "a": "on", "b": "NO", "c": "12:30", "d": "2026-01-05", "e": "1_000", "f": "yes", "g": "5",
    }  # fmt: skip


def test_numbers_truths_and_nothing() -> None:
    data = load("a: 5\nb: -0.5\nc: 1e3\nd: true\ne: null\nf:\ng: 0x1F\nh: [1, ~]\n", "x").data
    assert data == {
        "a": 5, "b": -0.5, "c": 1000.0, "d": True, "e": None, "f": None, "g": 31, "h": [1, None],
    }  # fmt: skip


def test_every_value_has_its_line() -> None:
    lines = load("a:\n  - b: 1\n    c: 2\nd: 3\n", "x").lines
    assert lines["a",] == 1
    assert lines["a", 0, "c"] == 3
    assert lines["d",] == 4


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("", 1, "a mapping of keys", "rulebook: a_name"),
        ("- a\n", 1, "a mapping of keys", ""),
        ("a: [1\n", 2, "not YAML", "indentation"),
        (WHOLE + "version: 2\n", 8, "'version' stands twice", "only the last"),
        (WHOLE + "1: x\n", 8, "a key must be a text", "quotes"),
        (WHOLE + "null: x\n", 8, "a key must be a text", ""),
        (WHOLE + "label: &a {en: x}\nparameters: *a\n", 9, "aliases", "write the value again"),
        (WHOLE + "label: !!python/object:os.system {}\n", 8, "tags (", "write the plain value"),
        (WHOLE + "rulbook: x\n", 8, "unknown key `rulbook`", "did you mean rulebook?"),
        (HEAD, 1, "`tiers` is missing", ""),
        (WHOLE.replace("version: 1", "version: '1'"), 2, "`version` must be a whole", ""),
        (WHOLE.replace("version: 1", "version: 0"), 2, "`version` is wrong", ""),
        (WHOLE.replace("zone: UTC", "zone: Mars"), 3, "unknown time zone 'Mars'", ""),
        (WHOLE.replace("GBP", "gbp"), 4, "not an ISO 4217 currency code", ""),
        (WHOLE.replace("name: base", "name: Base"), 7, "`name` is not written", "lower case"),
        (WHOLE + "label: {english: Shop}\n", 8, "'english' is no language code", "{en: Gold"),
        (WHOLE + "parameters:\n  a: {value: 5, unit: orders}\n", 9, "`why` is missing", ""),
        (WHOLE + "parameters:\n  a: {value: x, unit: orders, why: w}\n", 9, "`value` must be", ""),
        (
            WHOLE + "dimensions:\n  d: {measure: orders()}\n",
            9,
            "`measure` and `levels` go together",
            "",
        ),
        (WHOLE + "churn: {horizon: 90}\n", 8, "`horizon` must be a text", "such as 90d"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, what: str, hint: str) -> None:
    message = refused(text)
    first = next(part for part in message.split("shop.yaml:") if what in part)
    assert first.startswith(f"{line}: "), message
    assert hint in first


STORY = "examples:\n  - name: one\n    story:\n      - {at: 2026-01-05, %s}\n"
NO_YAML = "this is not YAML as rulebooks use it: "


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        (
            WHOLE.replace("version: 1", "version：1"),
            *(2, NO_YAML + "could not find expected ':'"),
            "write : in place of ：, which is another letter",
        ),
        (
            WHOLE + "label: {en: Shop，zh: '店，'}\n",
            *(8, NO_YAML + "expected ',' or '}', but got ':'"),
            "write , in place of ，, which is another letter",
        ),
        (
            WHOLE + "label:\n\ten: Shop\n",
            *(9, NO_YAML + "found character '\\t' that cannot start any token"),
            "a tab stands there; write spaces",
        ),
        (
            WHOLE + "churn:\n\u00a0 horizon: 90d\n  minimum_stay: 1d\n",
            *(9, NO_YAML + "mapping values are not allowed here"),
            "U+00A0 (no-break space) stands there; write a plain space, or none",
        ),
        (
            WHOLE + "parameters: {a: {value: 60 000, unit: orders, why: w}}\n",
            *(8, "`value` must be a number, not '60 000'", "write 60000, as a plain number"),
        ),
        (
            WHOLE + "parameters: {a: {value: 5, unit: orders}}\n",
            *(8, "`why` is missing"),
            "why the bound has this value, for who reads it in a year",
        ),
        (
            WHOLE.replace("tiers:", "tiers:\n  refund: later"),
            *(6, "`refund` must be 'immediate' or 'grace', not 'later'"),
            "whether a refund that costs the tier costs it at once, or after its grace",
        ),
        (
            WHOLE + STORY % "refund: 20",
            *(11, "`refund` must be a mapping, not 20", "known are: amount, full, order"),
        ),
        (
            WHOLE + STORY % "hold: {until: 2026/02/01}",
            *(11, "`until` is no date: '2026/02/01'", "write a date such as 2026-01-05"),
        ),
        (
            WHOLE + STORY % "expect: {warning: {ends: May}}",
            *(11, "`ends` is no date: 'May'", "write a date such as 2026-01-05"),
        ),
        (
            WHOLE + STORY % "expect: {policies: desk}",
            *(11, "`policies` must be a list, not 'desk'", "write [desk]"),
        ),
        (
            WHOLE + STORY % "purchase: {amount: 10 CHF}",
            *(11, "`amount` must be a number, not '10 CHF'"),
            "what was paid, in whole units of the currency; without it, the sum of the lines",
        ),
    ],
)
def test_a_mistake_is_told_with_what_to_write(text: str, line: int, what: str, hint: str) -> None:
    assert refused(text) == f"shop.yaml:{line}: {what}\n    hint: {hint}"


def test_steps_out_of_order_are_named() -> None:
    message = refused(WHOLE + STORY % "expect: {}" + "      - {at: 2026-01-04}\n")
    assert message.endswith("in the order of time: 2026-01-04 stands behind 2026-01-05")


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("orders（） > 0", "write ( in place of （"),
        ("tier == ‘base’", "write ' in place of ‘"),
        ("orders() ≥ 1", "write >= in place of ≥"),
        ("orders()\u3000> 0", "U+3000 (ideographic space) stands there"),
        ("'a，b' = tier", "an expression looks like"),
    ],
)
def test_letters_that_only_look_right_are_named(expression: str, hint: str) -> None:
    with pytest.raises(BadRulebook, match=re.escape(f"hint: {hint}")):
        compile_book(WHOLE + f'policies: {{desk: {{while: "{expression}"}}}}\n')


def test_bands_out_of_order() -> None:
    churn = (
        "churn: {horizon: 90d, bands: {medium: {enter: 80, keep: 85}, high: {enter: 75, keep: 68}}}"
    )
    assert "`keep` is above `enter`" in refused(WHOLE + churn)
    churn = churn.replace("keep: 85", "keep: 60")
    assert "`high` must be entered and left above `medium`" in refused(WHOLE + churn)


def test_an_expression_cut_at_a_comma_is_recognised() -> None:
    message = refused(
        WHOLE
        + "dimensions:\n  d:\n    first_match:\n"
        + "      - {name: a, when: complaints(days=90, type='delivery') == 0}\n"
    )
    assert "shop.yaml:11: an expression inside {…} needs quotes" in message
    assert "write it as: when:" in message


@pytest.mark.parametrize("number", ["1,000", "0,5", "1,000,000"])
def test_a_number_cut_at_a_comma_is_recognised(number: str) -> None:
    message = refused(WHOLE + f"parameters:\n  a: {{value: {number}, unit: orders, why: w}}\n")
    assert message == (
        "shop.yaml:9: a comma in a number cuts the entry inside {…} in two\n"
        "    hint: write 1000 instead of 1,000, and 0.5 instead of 0,5"
    )


def test_all_findings_come_at_once_in_the_order_of_lines() -> None:
    message = refused(WHOLE.replace("GBP", "gbp").replace("UTC", "Mars") + "x: 1\n")
    lines = [int(part.split(":")[1]) for part in message.splitlines() if part.startswith("shop")]
    assert lines == [3, 4, 8]


def test_a_rulebook_that_no_control_event_could_carry() -> None:
    assert "524,288 are allowed" in refused(WHOLE + "#" * SIZE_MAX)


def test_deep_nesting_is_refused() -> None:
    assert "nested" in refused("a: " + "[" * 3_000)
    assert "nested too deeply" in refused(WHOLE + "label: " + "[" * 60 + "]" * 60)


@given(st.data())
def test_a_damaged_rulebook_passes_or_is_refused_and_nothing_else(data: st.DataObject) -> None:
    lines = _PATIENT.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        at = data.draw(st.integers(0, len(lines[index])))
        piece = data.draw(st.sampled_from(_PIECES) | st.text(max_size=3))
        cut = data.draw(st.integers(0, 6))
        lines[index] = lines[index][:at] + piece + lines[index][at + cut :]
    with suppress(BadRulebook):
        compile_book("".join(lines), "shop.yaml")


_PATIENT = catalog.text("retail")[: catalog.text("retail").index("examples:")]
_PIECES = (
    *("{", "}", "[", "]", ":", " - ", "'", '"', "(", ")", ",", "0", "-1", "1e9", "null"),
    *("&a", "*a", "!x", "\t", "\n", "  ", "days=", "orders()", " and ", " / ", "0.5", "tier"),
)
