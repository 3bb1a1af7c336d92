"""The ladder: which tier follows from the rules that hold, laws L1 to L3.

L1: upgrade at once to the highest tier whose `qualify` holds, skipping where it must.
L2: a tier is held while `keep` or `qualify` holds.
L3: unknown never moves a tier; the compiled rulebook counts an unknown `qualify` as false and an
unknown `keep` as true, so both arrive here as bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from rules.book import Book


class Move(NamedTuple):
    """A customer's new tier (its index on the ladder), and why."""

    to: int
    reason: Literal["joined", "qualified", "keep_failed"]


def highest(mask: int) -> int | None:
    """Return the highest tier whose bit is set."""
    return mask.bit_length() - 1 if mask else None


def move(book: Book, tier: int | None, qualified: int, held: int) -> Move | None:
    """Return where a customer goes from `tier`; None where she stays, or has no tier yet.

    Bit i of `qualified` and of `held` says whether tier i's rules hold.
    """
    best = highest(qualified)
    if tier is None:
        return None if best is None else Move(best, "joined")
    if best is not None and best > tier:
        return Move(best, "qualified")
    if held >> tier & 1 or tier == 0:
        return None
    if book.downgrade == "one_step":
        return Move(tier - 1, "keep_failed")
    below = highest(held & ((1 << tier) - 1))
    return Move(0 if below is None else below, "keep_failed")
