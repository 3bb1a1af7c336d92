"""What stands before the log in some worlds: source topics, what ingress committed, and time.

Ingress workers and tickers (`crew`) fill the log of these worlds, several at once and most of them
zombies. The log has to hold what the sources took in, each record once and in order but for repeats
that marks reveal; and a tick has to keep its promise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from models.calendar import rfc3339
from models.errors import BadEvent
from models.events import SEVERITIES, RulebookActivated, Tick, decode, encode
from models.wire import TOPICS, accept
from streams.errors import Unavailable
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry, Record
from streams.log.positions import Position, SourcePartition
from streams.marks import MARK_HEADER
from streams.outputs import TRACE_HEADER
from streams.topics import CONTROL, DEAD_LETTER_SUFFIX, LOG, SOURCES, Catalogue
from tests.simulation.books import BOOKS, REFUSED, tiny
from tests.simulation.brokers import Brokers
from tests.simulation.chance import Chance, point
from tests.simulation.history import PARTITION, PARTITIONS, customers

CATALOGUE = Catalogue("", PARTITIONS, 400, 30, 7)
IDENTITY = "1"
_PURCHASES, _COMPLAINTS = SOURCES[0], SOURCES[2]
PLACES: tuple[SourcePartition, ...] = (
    *((_PURCHASES, 0), (_PURCHASES, 1), (_COMPLAINTS, 0)),
    (CONTROL, 0),
)
_PAUSES_S = (4 * 3_600, 86_400, 86_400, 3 * 86_400)


@dataclass(slots=True)
class Sources:
    """The source topics' side of a world. `left`: how many records they will still take in."""

    random: Random
    chance: Chance
    brokers: Brokers
    left: int
    foul: bool = False  # most of what comes is nonsense
    taken: int = 0
    committed: dict[SourcePartition, Position] = field(default_factory=dict)
    generation: int = 0
    late: list[tuple[Append, bool]] = field(default_factory=list)  # requests still on their way
    promises: list[tuple[int, int]] = field(default_factory=list)  # offset of a tick, and its t

    def take_in(self) -> None:
        """Let a source receive a record: of now, a repeat of before, or nonsense."""
        random = self.random
        self.left -= 1
        place = random.choice(PLACES[:3]) if self.taken else (CONTROL, 0)
        self.taken += 1
        if self.taken > 1 and random.random() < 0.06:
            place = (CONTROL, 0)
        stored = self.brokers.stored(*place)
        value = self._drawn(place[0])
        if stored.written and random.random() < 0.08:
            value = random.choice(stored.written).value or b""  # its producer sent it again
        elif random.random() < (0.7 if self.foul else 0.05):
            value = b"nonsense"
        headers = ((TRACE_HEADER, b"00-1-1-01"),) if random.random() < 0.1 else ()
        self.brokers.append(Append(*place, [Entry(None, value, headers)]))

    def land(self, append: Append, *, honest: bool) -> None:
        """Let the log, or a topic of dead letters, receive what somebody delivers."""
        first = self.brokers.append(append)
        if append.topic == LOG and honest:
            events = [decode(entry.value or b"") for entry in append.entries]
            self.promises += [(first, event.t) for event in events if isinstance(event, Tick)]

    def pass_time(self) -> None:
        """Let a moment pass, now and then a long one; requests on their way arrive."""
        random = self.random
        if self.chance.calm:
            self.brokers.now += 1
            return
        if random.random() < 0.3:
            self.brokers.now += random.randint(0, 40)
        if random.random() < 0.012:
            self.brokers.now += random.choice(_PAUSES_S)
        if self.late and random.random() < 0.05:
            append, honest = self.late.pop(random.randrange(len(self.late)))
            self.chance.seen["late delivery landed"] += 1
            self.land(append, honest=honest)
        if random.random() < 0.004:
            self._turn_back()
        if random.random() < 0.01:
            self._retain()

    def passed(self) -> bool:
        """Tell whether ingress has come to the end of every source."""
        return all(
            self.brokers.stored(*place).end <= self.committed.get(place, Position(0, "")).offset
            for place in PLACES
        )

    def judge(self) -> list[str]:
        """Return what is wrong with what the log holds of the sources, and when."""
        failures = []
        for partition in range(PARTITIONS):
            log = self.brokers.stored(LOG, partition).written
            for place in PLACES:
                mark = f"{place[0]}#{IDENTITY}/{place[1]}".encode()
                if _once(log, mark) != _expected(self.brokers, place, partition):
                    failures.append(f"log partition {partition} does not hold {place}, in order")
        if self._refused() != self._set_aside():
            failures.append("dead letters of the sources differ")
        return failures + self._broken_promises()

    def _drawn(self, topic: str) -> bytes:
        random, number = self.random, self.taken
        mine, other = customers()
        said: dict[str, object] = {
            "event_id": f"e{number}",
            "source": "sim",
            "schema_version": 1,
            "colour": "red",  # nobody knows this field
            "occurred_at": rfc3339(self.brokers.now - random.choice((0, 0, 5, 600, 2 * 86_400))),
        }
        if topic == CONTROL:
            version = random.randint(1, BOOKS)
            is_right = number == 1 or random.random() < 0.8
            text = tiny(version) if is_right else REFUSED
            said |= {"event": "rulebook.activated", "by": "sim"}
            said |= {"name": "simulated", "version": version, "text": text}
        else:
            said |= {"customer_id": random.choice((*mine, other)).decode()}
            if topic == _COMPLAINTS:
                severity = random.choice(SEVERITIES)
                said |= {"event": "complaint", "complaint_id": f"k{number}", "action": "opened"}
                said |= {"type": "delivery", "severity": severity}
            else:
                said |= {"event": "purchase", "order_id": f"o{number}"}
                said |= {"net_amount_minor": 6_000, "currency": "EUR"}
        return json.dumps(said).encode()

    def _turn_back(self) -> None:
        """Somebody sets the group back to an earlier position: all from there comes again."""
        place = self.random.choice(PLACES)
        position = self.committed.get(place)
        if position is not None:
            self.chance.seen["source replayed"] += 1
            self.generation += 1  # the group has no members while this is done
            start = self.brokers.stored(*place).start
            self.committed[place] = Position(self.random.randint(start, position.offset), "")

    def _retain(self) -> None:
        """Let retention delete what ingress has passed of a source."""
        place = self.random.choice(PLACES[:3])
        position = self.committed.get(place)
        if position is not None:
            self.chance.seen["source truncated"] += 1
            self.brokers.truncate(*place, self.random.randint(0, position.offset))

    def _refused(self) -> set[tuple[str, int, int]]:
        return {
            (*place, record.offset)
            for place in PLACES
            for record in self.brokers.stored(*place).written
            if not _accepted(place[0], record)
        }

    def _set_aside(self) -> set[tuple[str, int, int]]:
        letters = [
            dict(letter.headers)
            for topic, _ in PLACES
            for letter in self.brokers.stored(topic + DEAD_LETTER_SUFFIX, 0).written
        ]
        return {
            (h["dlq.topic"].decode(), int(h["dlq.partition"]), int(h["dlq.offset"]))
            for h in letters
        }

    def _broken_promises(self) -> list[str]:
        """Return the ticks `t` before which something is missing that was taken in before `t`."""
        first: dict[bytes, int] = {}
        for record in self.brokers.stored(LOG, PARTITION).written:
            for name, value in record.headers:
                if name == MARK_HEADER:
                    first.setdefault(value, record.offset)
        arrivals = [
            (record.timestamp, first.get(f"{topic}#{IDENTITY}/{number}:{record.offset}".encode()))
            for topic, number in PLACES
            for record in self.brokers.stored(topic, number).written
            if PARTITION in _accepted(topic, record)
        ]
        return [
            f"the tick at {offset} promises {t}"
            for offset, t in self.promises
            if any(at < t and (place is None or place > offset) for at, place in arrivals)
        ]


def _accepted(topic: str, record: Record) -> dict[int, bytes]:
    """Return what a source record becomes, by log partition; nothing where it is refused."""
    try:
        customer, event, _ = accept(
            TOPICS[topic], record.key, record.value, record.headers, offset=record.offset
        )
    except BadEvent:
        return {}
    if isinstance(event, RulebookActivated) and event.text == REFUSED:
        return {}
    if customer is None:
        return dict.fromkeys(range(PARTITIONS), encode(event))
    return {partition_for(customer.encode(), PARTITIONS): encode(event)}


def _expected(brokers: Brokers, place: SourcePartition, partition: int) -> list[bytes]:
    records = brokers.stored(*place).written
    becoming = (_accepted(place[0], record).get(partition) for record in records)
    return [value for value in becoming if value is not None]


def _once(log: Sequence[Record], mark: bytes) -> list[bytes]:
    """Return the log's records of a source partition, without those that marks show as repeats."""
    values, seen = [], -1
    for record in log:
        for name, value in record.headers:
            source, _, offset = value.rpartition(b":")
            if name == MARK_HEADER and source == mark and int(offset) > seen:
                seen = int(offset)
                values.append(record.value or b"")
    return values


class SimPositions:
    """What the brokers tell of sources and of the ingress group (`streams.log.positions`)."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return every partition's end."""
        await point()
        self._sources.chance.lose_reply("ends: no reply")
        empty = {(topic, 0): 0 for topic in topics}
        return empty | {place: self._sources.brokers.stored(*place).end for place in PLACES}

    async def starts(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return every partition's start."""
        await point()
        self._sources.chance.lose_reply("starts: no reply")
        return {(topic, 0): 0 for topic in topics} | {
            place: self._sources.brokers.stored(*place).start for place in PLACES
        }

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        """Return how far the ingress group has come."""
        assert group == "ingress"
        await point()
        self._sources.chance.lose_reply("committed: no reply")
        return dict(self._sources.committed)

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name."""
        assert topic in CATALOGUE.sources
        await point()
        self._sources.chance.lose_reply("identity: no reply")
        return IDENTITY

    async def close(self) -> None:
        """Nothing to give back."""


class SimProducer:
    """Delivery that stops halfway, or arrives after it was given up. `honest`: by a right clock."""

    def __init__(self, sources: Sources, *, honest: bool = True) -> None:
        self._sources = sources
        self._honest = honest

    async def deliver(self, appends: Sequence[Append]) -> None:
        """Append, or fail with any of it appended, or still to be."""
        chance = self._sources.chance
        await point()
        chance.lose_reply("deliver: no reply, before")
        for append in chance.random.sample(appends, len(appends)):
            if chance.strikes("deliver: broken off", 0.02):
                self._part(append, chance.random.randint(0, len(append.entries)))
                raise Unavailable("deliver: broken off")
            if chance.strikes("deliver: late", 0.02):
                self._sources.late.append((append, self._honest))
                raise Unavailable("deliver: late")
            self._sources.land(append, honest=self._honest)
            if chance.strikes("deliver: takes long", 0.05):
                await point()
        chance.lose_reply("deliver: no reply, after")
        await point()

    async def close(self) -> None:
        """Nothing to give back."""

    def _part(self, append: Append, size: int) -> None:
        if size:
            self._sources.land(append._replace(entries=append.entries[:size]), honest=self._honest)
