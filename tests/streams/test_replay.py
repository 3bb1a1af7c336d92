"""Replay: the log alone leads to the digests of every settled position."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models import events
from models.errors import Reason
from rules import eras
from rules.eras import ENGINE, EraRecord
from streams import batch
from streams.errors import Halt
from streams.jobs.replay import Verdict, shortfall, verify
from streams.ledger import Origin
from streams.log.memory import MemoryLog
from streams.log.port import Bounds, Entry
from streams.partition import Partition
from streams.topics import LOG
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, large, purchase

DAY_S = 86_400


def tick(t: int) -> Entry:
    return Entry(None, events.encode(events.Tick(t=t)))


async def settled(place: Place) -> Partition:
    partition = await place.taken()
    await place.feed(partition)
    while partition.now is not None and not partition.settled:
        await partition.work_ahead()
    return partition


def some() -> list[Entry]:
    return [
        tick(NOW - 40 * DAY_S),
        Entry(None, events.encode(activation(0, book()))),
        purchase(1, net_amount_minor=12_000),
        purchase(2, b"bert", occurred_at=NOW - 20 * DAY_S),
        Entry(b"bert", b"poison"),
        tick(NOW - DAY_S),
        Entry(None, events.encode(activation(1, book(2, gold=(500, 400))))),
        purchase(1),
        tick(NOW),
    ]


async def test_a_replay_reaches_the_same_states_and_outputs() -> None:
    place = Place()
    place.append(*some())
    await settled(place)
    progress: list[tuple[int, int]] = []
    verdict = await verify(place.log, "test", 0, 1, progress=lambda *at: progress.append(at))
    assert verdict is not None
    assert verdict.equal
    assert (verdict.records, verdict.customers) == (len(some()), 2)
    assert progress[-1] == (len(some()), len(some()))


async def test_without_a_settled_position_there_is_nothing_to_compare() -> None:
    place = Place()
    place.append(purchase(1))
    await place.feed(await place.taken())
    assert await verify(place.log, "test", 0, 1) is None


async def test_the_proof_of_another_application_is_refused() -> None:
    place = Place()
    place.append(*some())
    await settled(place)
    with pytest.raises(Halt, match="TIERSTREAM_APP=test"):
        await verify(place.log, "other", 0, 1)


async def test_another_history_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another app name every output has another id; the states are the same."""
    monkeypatch.setattr(Origin, "foreign", lambda *_: None)  # as of a log from before it was noted
    place = Place()
    place.append(*some())
    await settled(place)
    verdict = await verify(place.log, "other", 0, 1)
    assert verdict is not None
    assert not verdict.outputs_equal
    assert not verdict.equal


async def test_what_is_too_large_is_set_aside_again() -> None:
    place = Place()
    place.append(*some()[:3], large(8), large(9), *some()[3:])
    await settled(place)
    assert place.told.letters.count(Reason.TOO_LARGE) == 2
    verdict = await verify(place.log, "test", 0, 1)
    assert verdict is not None
    assert verdict.equal


class Cut(MemoryLog):
    """What retention leaves of a log: of partition 0, what stands from `start` on."""

    start = 0

    async def bounds(self, topic: str, partition: int) -> Bounds:
        held = await super().bounds(topic, partition)
        return held._replace(start=self.start) if topic == LOG else held


async def test_a_log_without_its_beginning_proves_nothing_and_is_not_called_different() -> None:
    place = Place()
    place.log = log = Cut(lambda: NOW)
    place.append(*some())
    await settled(place)
    log.start = 3
    verdict = await verify(log, "test", 0, 1, "")
    assert verdict is not None
    assert verdict.cut
    lacking = shortfall([verdict], "shop.")
    assert lacking is not None
    assert lacking.startswith(
        "shop.segment.log.v1 no longer reaches back to its beginning in partition 0 (from offset 3)"
    )
    assert "retention" in lacking


async def test_an_application_that_was_founded_on_a_later_log_is_proved() -> None:
    place = Place()
    place.log = log = Cut(lambda: NOW)
    place.append(purchase(7), *some())
    log.start = 1
    await settled(place)
    verdict = await verify(log, "test", 0, 1)
    assert verdict is not None
    assert verdict.equal
    assert shortfall([verdict]) is None


async def of_two_engines(monkeypatch: pytest.MonkeyPatch, began: int) -> Verdict:
    """Return the verdict on a log that workers of engine `began` concluded first, then of ours."""
    place, succeed = Place(), eras.succeed

    def by_older(before: EraRecord | None, *change: Any) -> EraRecord:  # noqa: ANN401
        record = succeed(before, *change)
        return msgspec.structs.replace(record, engine=began) if before is None else record

    with monkeypatch.context() as older:
        older.setattr(batch, "succeed", by_older)
        place.append(*some()[:-1])
        await settled(place)
    raised = events.EngineRaised(number=2, by="worker", engine=ENGINE, tzdata="2026a")
    place.append(Entry(None, events.encode(raised)), tick(NOW))
    await settled(place)
    verdict = await verify(place.log, "test", 0, 1)
    assert verdict is not None
    return verdict


async def test_what_an_older_engine_began_is_not_called_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict = await of_two_engines(monkeypatch, ENGINE - 1)
    assert verdict.mixed
    lacking = shortfall([verdict])
    assert lacking is not None
    assert f"nothing can be proved in partition 0 (engine {ENGINE})" in lacking
    proved = await of_two_engines(monkeypatch, ENGINE)  # another partition's was the older one
    assert proved.equal
    assert shortfall([proved]) is None


def test_what_is_settled_nowhere_proves_nothing() -> None:
    proved = Verdict(0, 9, 2, states_equal=True, outputs_equal=True)
    assert shortfall([proved, None]) is None
    lacking = shortfall([None, None])
    assert lacking is not None
    assert lacking.startswith("nothing was proved: no partition has settled yet")
    assert "`tierstream clock status`" in lacking


def test_one_partition_that_differs_is_the_verdict() -> None:
    proved = Verdict(0, 9, 2, states_equal=True, outputs_equal=True)
    lacking = shortfall([proved, proved._replace(outputs_equal=False), None])
    assert lacking is not None
    assert lacking.startswith("1 partitions differ from their log")
