"""Files become source records, and history is played one day after the other."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.calendar import calendar
from models.events import Tick, decode
from streams.errors import Unavailable
from streams.jobs import play as play_module
from streams.jobs.play import Stage, Unplayable, _waves, play
from streams.jobs.publish import BadFile, BadLine, Mapped, SourceEvent, read, send
from streams.log.memory import MemoryLog
from streams.log.partitioner import partition_for
from streams.log.positions import Position, SourcePartition
from streams.log.producer import MemoryProducer
from streams.topics import LOG, Catalogue

CATALOGUE = Catalogue("p.", 2, 400, 30, 7)
PURCHASES = "customer.purchase.v1"
LONDON = calendar("Europe/London")


def purchase(number: int, at: str, customer: str = "C-1") -> dict[str, object]:
    return {
        "event": "purchase",
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": at,
        "source": "shop",
        "schema_version": 1,
        "order_id": f"o{number}",
        "net_amount_minor": 100,
        "currency": "GBP",
    }


def written(path: Path, lines: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


class Following:
    """Positions of an ingress that follows at once, or stands still."""

    def __init__(self, log: MemoryLog, *, stands_still: bool = False) -> None:
        self.log = log
        self.stands_still = stands_still

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        places = [(topic, number) for topic in topics for number in range(3)]
        return {place: (await self.log.bounds(*place)).end for place in places}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == "p-ingress"
        if self.stands_still:
            return {}
        ends = await self.ends(CATALOGUE.sources)
        return {place: Position(end, "") for place, end in ends.items()}

    async def identity(self, topic: str) -> str:
        return topic

    async def close(self) -> None:
        """Nothing to give back."""


def stage(*, stands_still: bool = False) -> tuple[Stage, MemoryLog]:
    log = MemoryLog(lambda: 0)
    positions = Following(log, stands_still=stands_still)
    return Stage(CATALOGUE, "p-ingress", MemoryProducer(log), positions), log


async def ticks(log: MemoryLog, partition: int) -> list[int]:
    topic = CATALOGUE.name(LOG)
    _, end = await log.bounds(topic, partition)
    found = [r async for rs, _ in log.read(topic, partition, 0, end) for r in rs]
    events = [decode(record.value or b"") for record in found]
    return [event.t for event in events if isinstance(event, Tick)]


def good(path: Path, mapped: Mapped | None = None) -> list[SourceEvent]:
    lines = list(read(path, mapped))
    assert not [line for line in lines if isinstance(line, BadLine)]
    return [line for line in lines if isinstance(line, SourceEvent)]


def test_lines_of_json_become_records_of_the_topic_that_takes_them(tmp_path: Path) -> None:
    file = written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00+01:00")])
    (event,) = good(file)
    assert (event.topic, event.key) == (PURCHASES, b"C-1")
    assert event.occurred_at == 1306926000


def test_bad_lines_are_named_by_their_number(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    fine = json.dumps(purchase(1, "2011-06-01T12:00:00Z"))
    late = json.dumps(purchase(2, "2011-06-01 12:00"))
    file.write_text(f'{fine}\n\nnonsense\n{late}\n{{"event": "purchas"}}\n', encoding="utf-8")
    bad = [line for line in read(file) if isinstance(line, BadLine)]
    assert [line.number for line in bad] == [3, 4, 5]
    assert "occurred_at" in bad[1].message
    assert "purchas" in bad[2].message


def test_columns_of_csv_become_fields_of_their_types(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv.gz"
    rows = "when,who,order,pence\n2011-06-01 12:00:00,17850,A1,1250\n"
    file.write_bytes(gzip.compress(rows.encode()))
    mapped = Mapped(
        columns={
            "occurred_at": "when",
            "customer_id": "who",
            "order_id": "order",
            "event_id": "order",
            "net_amount_minor": "pence",
        },
        fixed={"event": "purchase", "source": "till", "schema_version": "1", "currency": "GBP"},
        zone=ZoneInfo("Europe/London"),
    )
    (event,) = good(file, mapped)
    said = json.loads(event.value)
    assert (said["net_amount_minor"], said["customer_id"]) == (1250, "17850")
    assert said["occurred_at"] == "2011-06-01T12:00:00+01:00"


def test_a_cell_that_is_no_number_is_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    names = list(purchase(1, "2011-06-01T12:00:00Z"))
    values = [str(value) for value in purchase(1, "2011-06-01T12:00:00Z").values()]
    values[names.index("net_amount_minor")] = "12.50"
    file.write_text(f"{','.join(names)}\n{','.join(values)}\n", encoding="utf-8")
    (line,) = read(file)
    assert isinstance(line, BadLine)
    assert line.number == 2
    assert "net_amount_minor" in line.message
    assert "'12.50' is no integer" in line.message


def test_a_missing_column_and_a_missing_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BadFile, match="has no column c; it has a, b"):
        list(read(file, Mapped(columns={"order_id": "c"})))
    with pytest.raises(BadFile, match="does not exist"):
        list(read(tmp_path / "nothing.jsonl"))


async def test_records_go_to_the_partition_of_their_key() -> None:
    log = MemoryLog(lambda: 0)
    events = [SourceEvent(PURCHASES, b"k%d" % i, b"{}", 0) for i in range(20)]
    await send(events, MemoryProducer(log), {f"p.{PURCHASES}": 3}, "p.")
    for number in range(3):
        _, end = await log.bounds(f"p.{PURCHASES}", number)
        held = [r async for rs, _ in log.read(f"p.{PURCHASES}", number, 0, end) for r in rs]
        assert [r.key for r in held] == [e.key for e in events if partition_for(e.key, 3) == number]


async def test_the_clock_moves_to_each_day_that_has_events_and_then_beyond(tmp_path: Path) -> None:
    playing, log = stage()
    times = ["2011-06-03T00:30:00+01:00", "2011-06-01T23:30:00+01:00", "2011-06-01T08:00:00+01:00"]
    events = good(written(tmp_path / "e.jsonl", [purchase(i, at) for i, at in enumerate(times)]))
    told: list[tuple[int, int]] = []
    last = await play(
        events, playing, LONDON, beyond_days=10, progress=lambda n, at: told.append((n, at))
    )
    first, third = LONDON.day(1306926000), LONDON.day(1306926000) + 2
    expected = [LONDON.start(first), LONDON.start(third), LONDON.start(third + 10)]
    for number in range(CATALOGUE.partitions):
        assert await ticks(log, number) == expected
    assert last == expected[-1]
    assert told == [(2, LONDON.start(third)), (1, LONDON.start(third + 1))]


def test_in_one_wave_a_customers_events_are_of_one_topic() -> None:
    said = [
        ("a", "shop"),
        ("b", "desk"),
        ("a", "shop"),
        ("a", "desk"),
        ("b", "desk"),
        ("b", "shop"),
    ]
    events = [SourceEvent(topic, key.encode(), b"", i) for i, (key, topic) in enumerate(said)]
    waves = list(_waves(events))
    assert [[event.occurred_at for event in wave] for wave in waves] == [[0, 1, 2], [3, 4], [5]]


async def test_the_clock_waits_for_ingress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play_module, "_STANDSTILL_S_MAX", 0.05)
    playing, log = stage(stands_still=True)
    events = good(written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00Z")]))
    with pytest.raises(Unavailable, match=r"1 records before the end of p\.customer\.purchase"):
        await asyncio.wait_for(play(events, playing, LONDON, progress=lambda _n, _at: None), 5)
    assert await ticks(log, 0) == [LONDON.start(LONDON.day(1306926000))]


async def test_what_has_no_place_in_history_is_refused() -> None:
    playing, _ = stage()
    change = SourceEvent("segment.control.v1", b"", b"{}", None)
    with pytest.raises(Unplayable, match="concerns every customer"):
        await play([change], playing, LONDON, progress=lambda _n, _at: None)
    with pytest.raises(Unplayable, match="no events"):
        await play([], playing, LONDON, progress=lambda _n, _at: None)
