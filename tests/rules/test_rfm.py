"""RFM: the table of segments names every code once."""

from __future__ import annotations

from itertools import product

from rules.facts.rfm import BY_CODE, LABELS, SEGMENTS, segment


def test_every_code_has_a_segment() -> None:
    codes = {100 * r + 10 * f + m for r, f, m in product(range(1, 6), repeat=3)}
    assert set(BY_CODE) == codes
    assert set(BY_CODE.values()) == set(range(len(SEGMENTS)))
    assert set(LABELS) == set(SEGMENTS)


def test_segments_are_named_by_their_codes() -> None:
    best, worst, cannot_lose = segment(5, 5, 5), segment(1, 1, 1), segment(1, 5, 5)
    assert best is not None
    assert worst is not None
    assert cannot_lose is not None
    named = SEGMENTS[best], SEGMENTS[worst], SEGMENTS[cannot_lose]
    assert named == ("champions", "lost", "cannot_lose")


def test_an_unknown_score_is_no_segment() -> None:
    assert segment(None, 1, 1) is None
    assert segment(1, None, 1) is None
    assert segment(1, 1, None) is None
