"""Identities: the same for the same history, on every machine and in every version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.ids import event_hash, output_id, short_hash, timer_id

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def test_identities_never_change() -> None:
    """States and outputs already written depend on these bytes."""
    assert event_hash("shop", "e1").hex() == "06a7461212959707"
    assert short_hash("k1").hex() == "99dfa4b79d814120"
    assert output_id("app", "anna", 1, "e1").hex() == "52d587db5a512dd3cd276f550eedb9d0"
    assert timer_id("anna", "window.exit", 1_700_000_000) == "t-89f30cabbb95b32d"


@given(names, names, names, names)
def test_source_and_id_are_told_apart(a: str, b: str, c: str, d: str) -> None:
    assert (event_hash(a, b) == event_hash(c, d)) == ((a, b) == (c, d))


def test_every_part_of_an_output_counts() -> None:
    ids = {
        output_id("app", "anna", 1, "e1"), output_id("other", "anna", 1, "e1"),
        output_id("app", "bert", 1, "e1"), output_id("app", "anna", 2, "e1"),
        output_id("app", "anna", 1, "e2"),
    }  # fmt: skip
    assert len(ids) == 5
