"""A doctor calls ill what does not work, and says what mends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from models import events
from rules import eras
from streams import topics
from streams.commands import doctor
from streams.commands.common import Reach, out
from streams.commands.doctor import Mark, Symptom, examine
from streams.errors import Halt
from streams.log.port import Entry
from streams.log.positions import Position, SourcePartition
from streams.settings import Role, Settings
from streams.topics import Catalogue
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, purchase

SOURCE = ("customer.purchase.v1", 0)
CHOSEN = Settings(app="test", partitions=1)


@dataclass
class Group:
    """What the brokers tell of the workers' groups and of the sources."""

    members: int = 1
    end: int = 0
    passed: dict[SourcePartition, Position] = field(default_factory=dict)

    def ends(self, of: Sequence[str]) -> dict[SourcePartition, int]:
        return {(topic, 0): self.end if topic == SOURCE[0] else 0 for topic in of}


class Brokers:
    """Answers as `KafkaPositions` does."""

    def __init__(self, group: Group) -> None:
        self.group = group

    async def cluster(self) -> tuple[int, str]:
        return 1, "Kafka 4.0 or newer"

    async def ends(self, of: Sequence[str]) -> dict[SourcePartition, int]:
        return self.group.ends(of)

    async def readable(self, of: Sequence[str]) -> dict[SourcePartition, int]:
        return dict.fromkeys([(topic, 0) for topic in of], 0)

    starts = readable

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == CHOSEN.consumer_group(Role.INGRESS)
        return self.group.passed

    async def members(self, group: str) -> int:
        assert group in {CHOSEN.consumer_group(role) for role in Role}
        return self.group.members


@dataclass
class Clock:
    """A wall clock that stands."""

    at: int

    def now(self) -> int:
        return self.at


async def living() -> Place:
    """A partition that has concluded all there is."""
    place = Place()
    place.append(Entry(None, events.encode(events.Tick(t=NOW))), purchase(1))
    place.append(Entry(None, events.encode(activation(0, book()))))
    await place.feed(await place.taken())
    return place


async def examined(
    monkeypatch: pytest.MonkeyPatch,
    place: Place,
    group: Group | None = None,
    *,
    at: int = NOW + 60,
    chosen: Settings = CHOSEN,
) -> list[Symptom]:
    brokers, log, store = cast(
        "tuple[Any, ...]", (Brokers(group or Group()), place.log, place.store)
    )
    reached = Reach(chosen, Catalogue.of(chosen), log, brokers, cast("Any", None), store)

    @asynccontextmanager
    async def reach(_: Settings, *, checked: bool) -> AsyncIterator[Reach]:
        assert not checked
        yield reached

    async def in_order(_: Settings) -> list[topics.Finding]:
        return []

    async def checked() -> None:
        raise Halt("a store in memory")

    monkeypatch.setattr(doctor, "reach", reach)
    monkeypatch.setattr(topics, "check", in_order)
    monkeypatch.setattr(place.store, "check", checked, raising=False)
    monkeypatch.setattr("streams.commands.clock.SystemClock", lambda: Clock(at))
    return [each async for each in examine(chosen) if each.text != "a store in memory"]


def ill(found: Sequence[Symptom]) -> list[str]:
    return [each.text for each in found if each.mark is Mark.ILL]


async def test_what_works_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await examined(monkeypatch, await living(), Group(members=0))
    assert {each.mark for each in found} == {Mark.WELL}


async def test_a_clock_that_stands_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    place, late = await living(), NOW + 60 + 601
    (said,) = ill(await examined(monkeypatch, place, at=late))
    assert said.startswith("partition 0: 0 records behind, clock ")
    assert "601 s behind what can be promised; `tierstream worker customers`" in said
    assert not ill(await examined(monkeypatch, place, at=late - 1))


async def test_a_clock_that_somebody_plays_may_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Settings(app="test", partitions=1, ticker="off")
    assert not ill(await examined(monkeypatch, await living(), at=NOW + 9_999, chosen=played))


async def test_records_that_wait_for_nobody_are_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    place = await living()
    place.append(purchase(2), purchase(3))
    group = Group(members=0, end=5, passed={SOURCE: Position(2, str(NOW))})
    customers, ingress = ill(await examined(monkeypatch, place, group))
    assert "test-customers, and 2 records wait" in customers
    assert customers.endswith("start `tierstream worker customers`")
    assert "test-ingress, and 3 records wait" in ingress
    assert ingress.endswith("start `tierstream worker ingress`")


async def test_records_that_wait_for_a_worker_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    place = await living()
    place.append(purchase(2))
    group = Group(end=5, passed={SOURCE: Position(2, str(NOW))})
    found = await examined(monkeypatch, place, group)
    noted = [each.text for each in found if each.mark is Mark.NOTE]
    assert not ill(found)
    assert noted[0].startswith("partition 0: 1 records behind")
    assert noted[1:] == [f"{SOURCE[0]}: 3 records not ingested yet"]


async def test_a_store_that_was_emptied_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    place = await living()
    place.store.lose(0)
    (said,) = ill(await examined(monkeypatch, place))
    assert said.startswith("partition 0: Redis holds nothing of it; `tierstream worker customers`")


async def test_a_log_of_a_newer_engine_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    place = await living()
    monkeypatch.setattr(eras, "ENGINE", eras.ENGINE - 1)
    (said,) = ill(await examined(monkeypatch, place))
    assert f"has engine {eras.ENGINE}: use the newer version" in said


async def test_what_was_opened_is_closed_before_a_closed_pipe_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Settings] = []

    @asynccontextmanager
    async def reach(chosen: Settings, *, checked: bool) -> AsyncIterator[None]:
        assert not checked
        opened.append(chosen)
        try:
            yield None
        finally:
            opened.remove(chosen)

    async def nothing(_: object) -> AsyncIterator[Symptom]:
        yield Symptom(Mark.NOTE, "looked")

    def closed(*_: object, **__: object) -> None:
        assert opened
        raise BrokenPipeError

    monkeypatch.setattr(doctor, "reach", reach)
    monkeypatch.setattr(doctor, "_redis", nothing)
    monkeypatch.setattr(out, "print", closed)
    with pytest.raises(BrokenPipeError) as raised:
        await doctor._told()
    assert raised.tb is not None
    assert not opened
