"""Writing the log as ingress writes it: marked events of customers, and the clock between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from models.events import RulebookActivated, encode
from rules import catalog
from streams.log.port import Append, Entry
from streams.log.producer import Producer
from streams.marks import MARK_HEADER
from streams.ticker import tick_append
from tests.bench.workload import Happening

RULEBOOK = "retail"


class LogWriter:
    """Writes one deployment's log, and knows what stands where in it.

    `sizes`: records so far, by partition; these are offsets too, as no transaction writes here.
    """

    def __init__(self, producer: Producer, log_topic: str, partitions: int) -> None:
        self.sizes = [0] * partitions
        self._ticks: list[list[int]] = [[] for _ in range(partitions)]
        self._producer = producer
        self._topic = log_topic
        self._sources: Counter[tuple[str, int]] = Counter()

    async def rulebook(self, text: str | None = None) -> None:
        """Put a rulebook into force in every partition; without a text, the shipped one."""
        if text is None:
            text = catalog.text(RULEBOOK)
        book = RulebookActivated(number=0, by="bench", name=RULEBOOK, version=1, text=text)
        await self._write([[Entry(None, encode(book))] for _ in self.sizes])

    async def tick(self, t: int) -> None:
        """Move every partition's clock to `t`."""
        await self._producer.deliver(
            [tick_append(self._topic, number, t) for number in range(len(self.sizes))]
        )
        for number, size in enumerate(self.sizes):
            self._ticks[number].append(size)
            self.sizes[number] += 1

    async def days(self, days: Iterable[tuple[int, Sequence[Happening]]]) -> None:
        """Write days of events, each after the tick with which it begins."""
        for begin, happenings in days:
            await self.tick(begin)
            await self.write(happenings)

    async def write(self, happenings: Sequence[Happening]) -> None:
        """Write events."""
        await self._write(self.entries(happenings))

    def entries(self, happenings: Sequence[Happening]) -> list[list[Entry]]:
        """Return the log records of events, by partition; they have to be written in this order."""
        found: list[list[Entry]] = [[] for _ in self.sizes]
        for happening in happenings:
            source = (happening.topic, happening.partition)
            mark = b"%b#bench/%d:%d" % (source[0].encode(), source[1], self._sources[source])
            self._sources[source] += 1
            entry = Entry(happening.customer, happening.canonical(), ((MARK_HEADER, mark),))
            found[happening.partition].append(entry)
        return found

    def ticks_before(self, offsets: Sequence[int]) -> int:
        """Return how many ticks stand before the offsets given by partition."""
        pairs = zip(self._ticks, offsets, strict=True)
        return sum(bisect_left(ticks, offset) for ticks, offset in pairs)

    async def _write(self, entries: Sequence[Sequence[Entry]]) -> None:
        appends = [Append(self._topic, number, each) for number, each in enumerate(entries)]
        await self._producer.deliver(appends)
        for number, each in enumerate(entries):
            self.sizes[number] += len(each)
