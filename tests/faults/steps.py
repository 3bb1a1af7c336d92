"""The moments of the partition protocol, and of ingress, after which a worker can strike.

Each is named after what has just been done. In the order of the protocol.
"""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A moment of the customers worker."""

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


class IngressStep(StrEnum):
    """A moment of the ingress worker."""

    IDENTIFIED = "identified"  # the topic's identity is known, nothing is converted
    CONVERTED = "converted"  # a batch is converted, nothing is sent
    BEGUN = "begun"  # the first of several partitions of the log was sent to
    DELIVERED = "delivered"  # all of a batch is in the log, its position is not committed
    POSITIONED = "positioned"  # the position is committed


NEEDS_EMPTY_STORE = frozenset({Step.WIPED, Step.RESTORED})
"""Met for certain only where the store has to be filled."""

OF_A_BATCH = (Step.VIEWED, Step.COMPUTED, Step.SENT, Step.COMMITTED, Step.APPLIED)
"""Steps 6 to 10: those that every batch takes."""
