"""The moments of the partition protocol after which a worker can be made to die."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A moment, named after what has just been done. In the order of the protocol."""

    MEMBERSHIP = "membership"  # 1: the group's coordinator confirmed us
    FENCED = "fenced"  # 1: the predecessor's writer is fenced
    CLAIMED = "claimed"  # 2: the store has a new owner
    BOUNDS = "bounds"  # 3: where the changelog or the log begins and ends is known
    WIPED = "wiped"  # 3: the store is empty
    RESTORED = "restored"  # 3: a chunk of the changelog is in the store
    VIEWED = "viewed"  # 4, 6: something was read from the store
    COMPUTED = "computed"  # 7: a batch is computed, nothing is sent
    SENT = "sent"  # 8: everything is in the log, nothing committed
    COMMITTED = "committed"  # 8: the transaction is committed, the store knows nothing of it
    APPLIED = "applied"  # 10: the store has the batch


NEEDS_EMPTY_STORE = frozenset({Step.WIPED, Step.RESTORED})
"""Met for certain only where the store has to be filled."""
