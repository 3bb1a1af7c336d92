"""The ladder: laws L1 to L3 over every combination of rules that hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.book import Book
from rules.compile import compile_book
from rules.tiering import Move, highest, move
from tests.rules.driving import book

BY_STEPS = compile_book(book(downgrade="one_step"))
AT_ONCE = compile_book(book())
TOP = 2
books = st.sampled_from((BY_STEPS, AT_ONCE))
masks = st.integers(0, (1 << TOP + 1) - 1).map(lambda mask: mask | 1)  # the lowest needs nothing


@pytest.mark.parametrize(("mask", "index"), [(0, None), (1, 0), (0b101, 2), (0b11, 1)])
def test_the_highest_tier_of_a_mask(mask: int, index: int | None) -> None:
    assert highest(mask) == index


@given(books, masks, masks)
def test_a_newcomer_joins_where_she_qualifies(rules: Book, qualified: int, held: int) -> None:
    assert move(rules, None, qualified, qualified | held) == Move(highest(qualified) or 0, "joined")


@given(books, st.integers(0, TOP), masks, masks)
def test_the_laws_of_the_ladder(rules: Book, tier: int, qualified: int, kept: int) -> None:
    held = qualified | kept
    best = highest(qualified) or 0
    step = move(rules, tier, qualified, held)
    if best > tier:  # L1: at once, and as far as it goes
        assert step == Move(best, "qualified")
    elif held >> tier & 1:  # L2: kept while either rule holds
        assert step is None
    elif rules is BY_STEPS:
        assert step == Move(tier - 1, "keep_failed")
    else:
        below = [i for i in range(tier) if held >> i & 1]
        assert step == Move(max(below), "keep_failed")
