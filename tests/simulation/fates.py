"""What no protocol can mend: records are gone. The worker has to say so, and a person to act.

Until then nothing wrong may have become visible: what a halted partition leaves behind are whole
conclusions of the log's beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from models import events
from rules.eras import ENGINE
from streams.ledger import Position
from streams.log.port import Append, Entry
from streams.topics import LOG, STATE
from tests.simulation.brokers import Brokers
from tests.simulation.history import PARTITION

_PASSED_MIN = 15  # more than the partition itself may send into a log that was made anew


def _cut_log_ahead(brokers: Brokers, position: Position, random: Random) -> bool:
    """Retention deletes records that nobody has taken yet."""
    log = brokers.stored(LOG, PARTITION)
    waiting = [record.offset for record in log.between(position.next, log.end)]
    if waiting:
        brokers.truncate(LOG, PARTITION, random.choice(waiting) + 1)
    return bool(waiting)


def _make_log_anew(brokers: Brokers, position: Position, _random: Random) -> bool:
    """Somebody deletes the log and makes it again, and leaves the changelog as it is."""
    if position.next < _PASSED_MIN:
        return False
    del brokers.topics[LOG, PARTITION]
    return True


def _fill_log_anew(brokers: Brokers, position: Position, random: Random) -> bool:
    """The same, while nobody works; and the new log has grown past the position since."""
    del brokers.topics[LOG, PARTITION]
    entry = Entry(None, events.encode(events.Tick(t=0)))
    count = position.next + random.randint(0, 9)
    brokers.append(Append(LOG, PARTITION, [entry] * count))
    return True


def _cut_changelog(brokers: Brokers, _position: Position, random: Random) -> bool:
    """Somebody deletes the beginning of the changelog."""
    changelog = brokers.stored(STATE, PARTITION)
    later = [record.offset for record in changelog.between(0, changelog.end)][1:]
    if not later:
        return False
    brokers.truncate(STATE, PARTITION, random.choice(later))
    return True


def _empty_changelog(brokers: Brokers, _position: Position, _random: Random) -> bool:
    """Somebody deletes all that the changelog holds."""
    changelog = brokers.stored(STATE, PARTITION)
    if changelog.end < changelog.next:
        return False
    brokers.truncate(STATE, PARTITION, changelog.end)
    return True


def _raise_engine(brokers: Brokers, _position: Position, _random: Random) -> bool:
    """A newer version of the product takes the log over; what runs here is too old for it."""
    value = events.EngineRaised(number=1 << 40, by="sim", engine=ENGINE + 1, tzdata="2031a")
    brokers.append(Append(LOG, PARTITION, [Entry(None, events.encode(value))]))
    return True


class Fate(NamedTuple):
    """`strike` makes it happen, and returns False where it cannot yet; `says`: the worker does.

    `escapable`: a worker that had fetched the records in time may get by without a person.
    `at_rest`: it happens while no worker runs.
    """

    strike: Callable[[Brokers, Position, Random], bool]
    says: str
    escapable: bool = False
    at_rest: bool = False


FATES: Mapping[str, Fate] = {
    "log cut ahead": Fate(_cut_log_ahead, "was truncated", escapable=True),
    "log made anew": Fate(_make_log_anew, "was made anew"),
    "log made anew and filled": Fate(_fill_log_anew, "was made anew", at_rest=True),
    "changelog cut": Fate(_cut_changelog, "it was truncated"),
    "changelog emptied": Fate(_empty_changelog, "it was truncated"),
    "engine raised": Fate(_raise_engine, "use the newer version"),
}
