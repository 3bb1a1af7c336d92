"""What the partition protocol needs of its surroundings: settings, membership, an observer.

These are arguments of `Partition`; the shell (Faust, metrics) implements them, tests bring theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.calendar import DAY_S
from models.decisions import AnyDecision
from models.errors import Reason
from streams.errors import Doubt
from streams.ledger import Ledger
from streams.log.port import Place, Writer
from streams.store.port import START, Cursor, View
from streams.topics import DEAD_LETTER_SUFFIX, LOG, OUTPUTS, STATE, TIER_CURRENT

LOG_ENDS = 3
"""How often what stands open in the log is ended before it is taken for somebody else's: others may
have something under way there, which cannot be told apart, and an end may be forgotten, too."""

_SHARE_MIN = 1 / 64


class Membership(Protocol):
    """What the consumer group says of us."""

    async def confirmed(self) -> bool:
        """Tell whether the group coordinator accepted a heartbeat of ours just now."""
        ...


class Observer(Protocol):
    """What is told about a partition, once a batch or a take-over; implemented by the metrics."""

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        """The partition was taken over; `restored` records were applied to the store."""
        ...

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        """A batch was committed, with the number of outputs by topic."""
        ...

    def published(self, decisions: Sequence[AnyDecision]) -> None:
        """A batch's outputs are out, in order."""
        ...

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:
        """Records were set aside."""
        ...

    def timers(self, partition: int, fired: int) -> None:
        """Customers were concluded although no record was about them."""
        ...

    def doubted(self, partition: int, reason: str) -> None:
        """What we held could not be trusted any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSettings:
    """What the protocol needs to know of the application."""

    app: str
    partitions: int
    prefix: str = ""  # of topic names
    batch_max: int = 1_000
    timers_min: int = 15  # looked at in a batch however few its records; 50 double what others wait
    delete_retention_s: int = 7 * DAY_S  # of the changelog's tombstones


def own_places(settings: PartitionSettings, number: int) -> list[Place]:
    """Return the places that only the owner of a partition writes to; the changelog first."""
    topics = (STATE, *OUTPUTS, TIER_CURRENT, LOG + DEAD_LETTER_SUFFIX)
    return [Place(settings.prefix + topic, number) for topic in topics]


def log_places(settings: PartitionSettings, numbers: Iterable[int]) -> list[Place]:
    """Return partitions of the log, where every owner may send something to."""
    return [Place(settings.prefix + LOG, number) for number in numbers]


@dataclass(slots=True)
class Held:
    """What is held of a partition between a take-over and the next doubt."""

    writer: Writer
    owner: str
    applied: int
    origin: str
    ledger: Ledger
    append_at: int | None  # where the next record of the changelog has to come; None: at its end
    cursor: Cursor = START  # of the pass that looks for unseated states
    quiet_at: int | None = None  # nobody in the due index is due at this clock
    unseen: Sequence[Place] = ()  # where readers perhaps do not see yet what was committed last


@dataclass(slots=True)
class Pace:
    """How much is done at a time: less where so much took too long, and then more again.

    What takes too long is tried again; as it was, it would take too long for ever.
    """

    share: float = 1.0

    def of(self, usual: int) -> int:
        """Return how many to do instead of so many."""
        return max(1, int(usual * self.share))

    def slower(self) -> None:
        """Do half as much from now on; an outage is not to make everything tiny."""
        self.share = max(_SHARE_MIN, self.share / 2)

    def faster(self) -> None:
        """Do a quarter more, up to the usual."""
        self.share = min(1.0, self.share * 1.25)


class Ended(Doubt):
    """Something stood open, and is ended now: the changelog may end somewhere else."""

    def __init__(self) -> None:
        super().__init__("brokers had forgotten to end a transaction; it is ended now")


class Spoilt(Doubt):
    """The store lost single fields: nothing in it can be trusted, it has to be wiped."""


def checked(held: Held, view: View) -> list[bytes | None]:
    """Return what was read, unless the store is not what we left there.

    Raises:
        Doubt: it has a newer owner, or went back in time.
        Spoilt: it holds more or less than was written.
    """
    meta = view.meta
    if meta.owner != held.owner or meta.applied != held.applied:
        message = "the store has a newer owner, or went back in time"
        raise Doubt(message)
    if (meta.fields, meta.dues) != (view.fields, view.dues):
        message = (
            f"the store holds {view.fields} fields and {view.dues} dues instead of "
            f"{meta.fields} and {meta.dues}"
        )
        raise Spoilt(message)
    return view.values
