"""What the benchmark writes to the log is what ingress and the ticker would write."""

from itertools import chain

from models.events import RulebookActivated, Tick, decode
from streams.log.memory import MemoryLog
from streams.log.port import Record
from streams.log.producer import MemoryProducer
from streams.marks import MARK_HEADER
from tests.bench.latency import percentile
from tests.bench.logged import LogWriter
from tests.bench.workload import FIRST_DAY, ZONE, Shop

LOG, PARTITIONS, DAYS = "log", 2, 5


async def written() -> tuple[LogWriter, list[list[Record]]]:
    log = MemoryLog(lambda: 0)
    shop, writer = Shop(50, PARTITIONS), LogWriter(MemoryProducer(log), LOG, PARTITIONS)
    await writer.rulebook()
    await writer.days(shop.days(shop.by_habit(500), FIRST_DAY, DAYS))
    partitions = []
    for number in range(PARTITIONS):
        start, end = await log.bounds(LOG, number)
        chunks = [records async for records, _ in log.read(LOG, number, start, end)]
        partitions.append(list(chain.from_iterable(chunks)))
    return writer, partitions


async def test_a_rulebook_comes_first_and_a_tick_begins_each_day() -> None:
    writer, partitions = await written()
    assert writer.sizes == [len(records) for records in partitions]
    for records in partitions:
        first, *events = [decode(record.value or b"") for record in records]
        assert isinstance(first, RulebookActivated)
        now, days = 0, []
        for event in events:
            if isinstance(event, Tick):
                now = event.t
                days.append(ZONE.day(now))
            else:
                assert not isinstance(event, RulebookActivated)
                assert ZONE.day(event.occurred_at) == ZONE.day(now)
        assert days == list(range(FIRST_DAY, FIRST_DAY + DAYS))


async def test_ticks_are_told_from_events() -> None:
    writer, partitions = await written()
    assert writer.ticks_before([0, 0]) == 0
    assert writer.ticks_before(writer.sizes) == DAYS * PARTITIONS
    ticks = sum(isinstance(decode(record.value or b""), Tick) for record in partitions[0][:60])
    assert writer.ticks_before([60, 0]) == ticks


async def test_marks_count_each_source_partition() -> None:
    _, partitions = await written()
    marks = [
        value.decode()
        for record in chain.from_iterable(partitions)
        for name, value in record.headers
        if name == MARK_HEADER
    ]
    assert len(marks) == len(set(marks)) == 500
    newest: dict[str, int] = {}
    for source, offset in (mark.rsplit(":", 1) for mark in marks):
        assert int(offset) == newest.get(source, -1) + 1
        newest[source] = int(offset)


def test_a_percentile_is_reached_by_its_share() -> None:
    ordered = [float(value) for value in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.001, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.5) == 7
