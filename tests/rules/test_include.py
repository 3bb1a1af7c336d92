"""What is activated in place of a rulebook that includes others reads as that rulebook does."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRulebook
from rules.compiler.compile import compile_book
from rules.language.document import Dumper, load
from rules.language.include import standalone

MINE = """\
rulebook: mine
version: 1
zone: Europe/London
currency: GBP
include: [retail]
tables:
  plan_of: {entries: {"1e5": "1e5", "0o7": "0x1F", "~": "1.0", yes: on, a: "null", b: "12:30"}}
dimensions:
  plan: {value_of: "lookup('plan_of', profile.custom.code)"}
tiers: {ladder: [{name: base}]}
"""
_PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))
_SCALARS = _PRINTABLE | st.integers(-(10**18) + 1, 10**18 - 1) | st.booleans() | st.none()
_WORDS = st.from_regex(r"[-+]?[0-9ox.eE_:~]{1,8}", fullmatch=True)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def test_texts_that_look_like_numbers_stay_texts() -> None:
    alone = standalone(MINE, "mine.yaml")
    entries = load(MINE, "mine.yaml").data["tables"]["plan_of"]["entries"]
    assert load(alone, "alone.yaml").data["tables"]["plan_of"]["entries"] == entries
    assert compile_book(alone).fingerprint == compile_book(MINE).fingerprint


def test_a_rulebook_in_another_currency_is_not_taken_over() -> None:
    with pytest.raises(BadRulebook) as error:
        compile_book(MINE.replace("GBP", "EUR"), "mine.yaml")
    assert str(error.value) == (
        "mine.yaml:5: `retail` has bounds in GBP, and this rulebook counts in EUR\n"
        "    hint: take over what you need of it into your own file, with bounds of your own"
    )


@given(st.dictionaries(_PRINTABLE | _WORDS, _SCALARS | _WORDS | _NUMBERS))
def test_what_is_written_out_reads_the_same(data: dict[str, object]) -> None:
    written = yaml.dump({"a": data}, Dumper=Dumper, allow_unicode=True, width=100)
    assert load(written, "x.yaml").data == {"a": data}


def test_what_would_read_differently_is_refused() -> None:
    with pytest.raises(BadRulebook, match=r"mine\.yaml:1: .* does not read the same"):
        standalone(MINE.replace('"1e5": "1e5"', r'"\x85": a'), "mine.yaml")


def test_a_number_beyond_what_is_written_as_an_integer_is_a_text() -> None:
    assert load("a: 0xFFFFFFFFFFFFFFF\nb: 0xFFFFFFFFFFFFFF\n", "x").data == {
        "a": "0xFFFFFFFFFFFFFFF", "b": 2**56 - 1,
    }  # fmt: skip
