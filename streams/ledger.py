"""The ledger: what the changelog says of a partition beside its customers' states.

Its position, how far each source partition has been seen, and the eras that some state still needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from rules.eras import Era

DIGEST_MOD = 1 << 128


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The partition's position: the last record of every transaction on the changelog."""

    next: int  # the next log offset
    now: int | None  # the partition's clock
    first_tick: int | None  # its first value
    seated: int | None  # every state has been concluded under this era, or a later one
    settled: bool  # nothing that could happen by itself at `now` is left to do
    states: str  # order-free digest of all states, 128 bit hexadecimal
    outputs: str  # order-free digest of all output ids
    partitions: int  # the number of partitions of this log, for its whole life


START = Position(
    next=0,
    now=None,
    first_tick=None,
    seated=None,
    settled=False,
    states="0" * 32,
    outputs="0" * 32,
    partitions=0,
)


class Origin(NamedTuple):
    """With what a changelog begins; the store names it too, so it has no spaces."""

    drawn: str  # tells it from every other changelog
    log: str  # the identity of the log that it was begun with
    app: str  # whose it is; empty where it was begun before that was noted

    def __str__(self) -> str:
        return ".".join(self)

    @classmethod
    def read(cls, written: str) -> Origin:
        """Return what `str` made of it."""
        drawn, _, rest = written.partition(".")
        log, _, app = rest.partition(".")
        return cls(drawn, log, app)

    def foreign(self, app: str) -> str | None:
        """Say what is wrong where another application is to go on with it, and what to do."""
        if self.app in {"", app}:
            return None
        return (
            f"these topics belong to the application {self.app!r}, and this is {app!r}: set "
            f"TIERSTREAM_APP={self.app}, or give {app!r} topics of its own by "
            "TIERSTREAM_TOPIC_PREFIX"
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the changelog says of a partition beside its customers' states."""

    position: Position
    marks: Mapping[bytes, int] = field(default_factory=dict)  # by `<source>#<epoch>/<partition>`
    eras: tuple[Era, ...] = ()
    slots: tuple[int, ...] = ()  # where each era is kept

    @property
    def unseated(self) -> bool:
        """Some state may still have to be concluded under the newest era."""
        position = self.position
        return (
            bool(self.eras) and position.now is not None and position.seated != self.eras[-1].number
        )


def state_digest(customer: bytes, packed: bytes) -> int:
    """Return a customer's part in the order-free digest of all states."""
    return int.from_bytes(blake2b(customer + b"\0" + packed, digest_size=16).digest(), "big")
