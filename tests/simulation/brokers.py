"""The brokers: partitions, transactions in all their states, and what time does to them.

A transaction draws its offsets when its records are sent, is decided by one request, and becomes
visible partition by partition, as its markers are written. Until then nothing above its first
record can be read (the last stable offset). What is never decided is ended by whoever fences its
writer, or by the brokers themselves once it takes too long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from streams.log.port import Append, Entry, Record
from streams.topics import LOG
from tests.simulation.chance import Chance

WALL = 20_100 * 86_400  # when a history begins: later than everything that its events tell of

_OFFSET = attrgetter("offset")


@dataclass(slots=True)
class Stored:
    """One partition of one topic: committed records by offset; markers and aborts leave gaps.

    `written` keeps what retention and compaction took from `records`: the oracle forgets nothing.
    """

    number: int  # of all that were ever made
    records: list[Record] = field(default_factory=list)
    written: list[Record] = field(default_factory=list)
    start: int = 0
    next: int = 0  # the offset that the next record draws
    open: list[int] = field(default_factory=list)  # where transactions without a marker begin

    @property
    def end(self) -> int:
        """The last stable offset: nothing at or above it can be read yet."""
        return min(self.open) if self.open else self.next

    def between(self, start: int, end: int) -> list[Record]:
        """Return the records of a range of offsets."""
        records = self.records
        return records[
            bisect_left(records, start, key=_OFFSET) : bisect_left(records, end, key=_OFFSET)
        ]

    def draw(self, entries: Sequence[Entry], at: int) -> list[Record]:
        """Give entries their offsets and the append time; nobody can read them yet."""
        first = self.next
        self.next += len(entries)
        return [
            Record(offset, at, entry.key, entry.value, entry.headers)
            for offset, entry in enumerate(entries, first)
        ]

    def add(self, drawn: Sequence[Record]) -> None:
        """Make drawn records part of the log; later ones may have come before them."""
        for records in (self.records, self.written):
            in_order = not records or records[-1].offset < drawn[0].offset
            records.extend(drawn)
            if not in_order:
                records.sort(key=_OFFSET)


class Part(NamedTuple):
    """What a transaction sent to one partition with one request."""

    stored: Stored
    drawn: list[Record]
    sent: list[tuple[int, Entry]]  # of it into the log, with the partition


@dataclass(eq=False, slots=True)
class Transaction:
    """What one writer sent since its last commit; `parts` still need a marker."""

    parts: list[Part] = field(default_factory=list)
    decided: bool = False


class Brokers:
    """Every partition and every transaction; `epochs` say who the newest writer of a name is."""

    def __init__(self, chance: Chance, victim: str) -> None:
        """`victim`: whose markers may be forgotten; nobody here would see to those of others."""
        self.chance = chance
        self.victim = victim
        self.now = WALL
        self.topics: dict[tuple[str, int], Stored] = {}
        self._made = 0
        self.epochs: dict[str, int] = {}
        self.under_way: dict[tuple[str, int], Transaction] = {}  # by writer and epoch
        self.sent: defaultdict[str, list[tuple[int, Entry]]] = defaultdict(list)
        """What the committed transactions of each name sent into the log, with the partition."""
        self.forgotten: defaultdict[str, list[Part]] = defaultdict(list)
        """What will get no marker by itself, though it was decided, by its writer's name."""
        self.forgets_in = 0  # so many commits later; 0: not by itself
        self.forgets_ends = 0.05  # how often they forget markers of an end, too

    def stored(self, topic: str, partition: int) -> Stored:
        """Return a partition of a topic, which exists as soon as it is named."""
        found = self.topics.get((topic, partition))
        if found is None:
            self._made += 1
            found = self.topics[topic, partition] = Stored(self._made)
        return found

    def append(self, append: Append) -> int:
        """Append without a transaction; return the first record's offset."""
        stored = self.stored(append.topic, append.partition)
        drawn = stored.draw(append.entries, self.now)
        stored.add(drawn)
        return drawn[0].offset

    def send(self, writer: tuple[str, int], append: Append) -> int:
        """Send entries as part of a writer's transaction; return the offset of the last."""
        transaction = self.under_way.setdefault(writer, Transaction())
        stored = self.stored(append.topic, append.partition)
        drawn = stored.draw(append.entries, self.now)
        stored.open.append(drawn[0].offset)
        sent = [(append.partition, entry) for entry in append.entries if append.topic == LOG]
        transaction.parts.append(Part(stored, drawn, sent))
        return drawn[-1].offset

    def commit(self, writer: tuple[str, int]) -> None:
        """Decide a transaction; its markers are written now, or a while later one by one."""
        self.under_way[writer].decided = True
        if self.forgets_in:
            self.forgets_in -= 1
            if self.forgets_in == 0:
                self.forget()
        if not self.chance.strikes("markers come later", 0.15):
            self.finish(writer)

    def finish(self, writer: tuple[str, int]) -> None:
        """Write what is missing of a decided transaction's markers."""
        transaction = self.under_way.get(writer)
        if transaction is not None and transaction.decided:
            del self.under_way[writer]
            for part in transaction.parts:
                self._mark(writer[0], part, committed=True)

    def end(self, writer: tuple[str, int]) -> None:
        """Let a transaction be over: finish it where it was decided, abort it where it was not."""
        self.finish(writer)
        transaction = self.under_way.pop(writer, None)
        if transaction is not None:
            crash = writer[0] == self.victim and self.chance.strikes("abort forgotten", 0.05)
            for part in transaction.parts:
                if crash and self.chance.random.random() < 0.5:
                    self.forgotten[writer[0]].append(part)
                else:
                    self._mark(writer[0], part, committed=False)

    def _mark(self, name: str, part: Part, *, committed: bool) -> None:
        """Write the marker that ends all that a writer has in one partition."""
        self.forgotten[name].append(part)
        self._write_marker(name, part.stored, committed=committed)

    def end_open(
        self, writer: tuple[str, int], places: Sequence[tuple[str, int]], *, committed: bool
    ) -> None:
        """End a writer's transaction, and all that it has open, with a marker in every place."""
        name = writer[0]
        transaction = self.under_way.pop(writer, Transaction())
        self.forgotten[name] += transaction.parts
        crash = self.chance.strikes("marker of an end forgotten", self.forgets_ends)
        for place in places:
            if not crash or self.chance.random.random() < 0.5:
                self._write_marker(name, self.stored(*place), committed=committed)

    def _write_marker(self, name: str, stored: Stored, *, committed: bool) -> None:
        """Write a writer's marker: it takes an offset, and ends what the writer has open there."""
        stored.next += 1
        # Partitions that hold the same are equal, and yet not the same.
        ended = [part for part in self.forgotten[name] if part.stored is stored]
        self.forgotten[name] = [p for p in self.forgotten[name] if p.stored is not stored]
        for _, drawn, sent in ended:
            stored.open.remove(drawn[0].offset)
            if committed:
                stored.add(drawn)
                self.sent[name] += sent

    def supersede(self, name: str) -> int:
        """Begin a new epoch of a writer's name; return it."""
        self.epochs[name] = self.epochs.get(name, 0) + 1
        return self.epochs[name]

    def end_all(self, name: str) -> None:
        """End whatever transactions were begun under a name."""
        for writer in [writer for writer in self.under_way if writer[0] == name]:
            self.end(writer)

    def standing_open(self, place: tuple[str, int]) -> list[Record]:
        """Return the records of a place that nobody can read yet."""
        stored = self.stored(*place)
        parts = [part for forgotten in self.forgotten.values() for part in forgotten]
        parts += [part for transaction in self.under_way.values() for part in transaction.parts]
        found = [record for part in parts if part.stored is stored for record in part.drawn]
        return sorted(found, key=_OFFSET)

    def forget(self) -> None:
        """Crash, and take places of a decided transaction for deleted when coming back."""
        random = self.chance.random
        for writer, transaction in self.under_way.items():
            if writer[0] == self.victim and transaction.decided and transaction.parts:
                self.chance.seen["markers forgotten"] += 1
                random.shuffle(transaction.parts)
                cut = random.randrange(len(transaction.parts)) if random.random() < 0.5 else 0
                self.forgotten[self.victim] += transaction.parts[cut:]
                del transaction.parts[cut:]
                self.finish(writer)
                return

    def end_everything(self) -> None:
        """End all transactions."""
        for writer in list(self.under_way):
            self.end(writer)

    def write_a_marker(self) -> None:
        """Write one of the markers that are outstanding."""
        decided = [t for t in self.under_way.values() if t.decided and t.parts]
        if decided:
            transaction = self.chance.random.choice(decided)
            part = transaction.parts.pop(self.chance.random.randrange(len(transaction.parts)))
            name = next(w[0] for w, t in self.under_way.items() if t is transaction)
            self._mark(name, part, committed=True)

    def expire(self) -> None:
        """Abort a transaction that takes too long; its writer may not go on."""
        for name, epoch in [writer for writer, t in self.under_way.items() if not t.decided][:1]:
            self.chance.seen["transaction expired"] += 1
            if self.epochs.get(name) == epoch:
                self.supersede(name)
            self.end((name, epoch))

    def compact(self, topic: str, partition: int) -> None:
        """Keep the newest record of each key below the last stable offset."""
        stored = self.stored(topic, partition)
        end = stored.end
        newest = {record.key: record.offset for record in stored.records if record.offset < end}
        stored.records = [r for r in stored.records if r.offset >= end or newest[r.key] == r.offset]

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Let retention delete what lies before an offset."""
        stored = self.stored(topic, partition)
        stored.start = max(stored.start, min(before, stored.end))
        stored.records = stored.between(stored.start, stored.next)

    def make_anew(self) -> None:
        """Somebody deletes every topic and creates it again; epochs outlive their topics."""
        self.topics.clear()
        self.under_way.clear()
        self.forgotten.clear()
        self.sent.clear()
