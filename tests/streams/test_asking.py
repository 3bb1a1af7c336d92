"""What `tierstream customer` says of whoever is no customer any more."""

from __future__ import annotations

import msgspec
import pytest

from models.customer import Conclusions, CustomerState
from streams.commands.asking import _lines
from streams.commands.finding import Found
from streams.ledger import START


@pytest.mark.parametrize(
    ("husk", "said"),
    [
        (CustomerState(erased=True), ("erased", "nothing is kept but how many outputs there were")),
        (CustomerState(moved_to="bert"), ("merged into", "bert")),
    ],
)
def test_who_was_erased_or_merged_is_told_as_that(
    husk: CustomerState, said: tuple[str, str]
) -> None:
    """It is no question of a rulebook or a clock that she has no tier."""
    state = msgspec.structs.replace(husk, era=3, concluded=Conclusions(revision=7))
    lines = list(_lines(Found("anna", 0, START, state, None)))
    assert lines == [("customer", "anna (partition 0)"), said, ("outputs so far", "7")]
