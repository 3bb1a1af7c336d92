"""RFM cuts out of the store: what every buyer is graded on, as the rules read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from models.calendar import Calendar
from models.customer import Facts, unpack
from models.errors import TierstreamError
from models.rfm import GRADES, Habits, RfmCuts, cuts_of
from rules.eras import Era
from rules.facts.rfm import SEGMENTS, segment
from rules.facts.sales import orders, spend
from rules.facts.windows import LIFE
from streams.store.customers import pages
from streams.store.port import Store
from streams.stored_eras import newest_of_all

_NO_ZONE = "UTC"


class TooFewBuyers(TierstreamError):
    """There is nothing yet that could be cut; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Recut:
    """New cuts and what they make of today's buyers. `day`: the local day that they are as of.

    `segments`: buyers by segment, all of `rules.facts.rfm.SEGMENTS`. `currency` is the rulebook's,
    None without one. `version_in_force` is 0 where no cuts are in force.
    """

    day: int
    buyers: int
    cuts: RfmCuts
    segments: Mapping[str, int]
    currency: str | None
    version_in_force: int


async def recut(
    store: Store, partitions: int, progress: Callable[[int], None] = lambda _: None
) -> Recut:
    """Read all customers and cut those who have bought; `progress` is told how many it read.

    Raises:
        TooFewBuyers: the clock has not started everywhere, or there are fewer buyers than grades.
        Unavailable: the store does not answer.
    """
    record, now = await newest_of_all(store, partitions)
    if now is None:
        raise TooFewBuyers(
            "the clock has not started in every partition, so no day is known to count from; "
            "see `tierstream clock status`"
        )
    era = None if record is None else Era(record)
    zone = Calendar(_NO_ZONE) if era is None else era.zone
    day = zone.day(now)
    buyers: list[Habits] = []
    read = 0
    for partition in range(partitions):
        async for states in pages(store, partition):
            known = (habits_of(unpack(packed).facts, zone, day) for _, packed in states)
            buyers += filter(None, known)
            read += len(states)
            progress(read)
    if len(buyers) < GRADES:
        raise TooFewBuyers(
            f"{len(buyers)} customers have bought so far, and {GRADES} grades take at least "
            f"{GRADES}; publish purchases first (`tierstream publish --help`)"
        )
    cuts = cuts_of(buyers)
    return Recut(
        day,
        len(buyers),
        cuts,
        segments_of(buyers, cuts),
        None if era is None else era.currency,
        0 if record is None or record.cuts is None else record.cuts.version,
    )


def habits_of(facts: Facts, zone: Calendar, today: int) -> Habits | None:
    """Return what the rules grade a customer on; None before a purchase."""
    if facts.last_purchase_at is None:
        return None
    recency_days = max(0, today - zone.day(facts.last_purchase_at))
    return Habits(recency_days, orders(facts, zone, LIFE), spend(facts, zone, LIFE))


def segments_of(buyers: Iterable[Habits], cuts: RfmCuts) -> dict[str, int]:
    """Count buyers by segment, in the order of the table."""
    found = Counter(segment(*cuts.grades(habits)) for habits in buyers)
    return {name: found[index] for index, name in enumerate(SEGMENTS)}
