"""Where ingress is in its sources: the marks of a topic made anew, and what was deleted unread."""

from collections.abc import Sequence

import pytest

from streams.errors import Unavailable
from streams.log.positions import Position, SourcePartition
from streams.source_places import SourcePlaces

TOPIC = "customer.purchase.v1"


class Sources:
    """What brokers tell of every topic; `start`: its first offset, `done`: the group's position."""

    def __init__(self, *, start: int = 0, done: int | None = None) -> None:
        self.name = "id1"
        self.start = start
        self.done = done
        self.asked = 0
        self.is_away = False

    async def identity(self, topic: str) -> str:
        assert topic
        self.asked += 1
        return self.name

    async def starts(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        if self.is_away:
            raise Unavailable("the brokers are away")
        return {(topic, 0): self.start for topic in topics}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == "ingress"
        return {} if self.done is None else {(TOPIC, 0): Position(self.done, "")}


class Rig:
    """The places of partition 0, and what they told."""

    def __init__(self, *, start: int = 0, done: int | None = None) -> None:
        self.sources = Sources(start=start, done=done)
        self.deleted: list[int] = []
        self.places = SourcePlaces(self.sources, "ingress", self.told)

    def told(self, topic: str, count: int) -> None:
        assert topic == TOPIC
        self.deleted.append(count)

    async def take(self, first: int, count: int = 1) -> bytes:
        mark = await self.places.mark(TOPIC, 0, first)
        self.places.passed(TOPIC, 0, first + count)
        return mark


async def test_a_topic_made_anew_has_marks_of_its_own() -> None:
    rig = Rig()
    assert await rig.take(100, 2) == f"{TOPIC}#id1/0:".encode()
    rig.sources.name = "id2"
    assert await rig.take(102) == f"{TOPIC}#id1/0:".encode()
    assert rig.sources.asked == 1
    assert await rig.take(0) == f"{TOPIC}#id2/0:".encode()


@pytest.mark.parametrize(
    ("start", "done", "first", "deleted"),
    [
        (100, 40, 100, [60]),  # retention was faster
        (120, 40, 100, [60]),  # what was deleted since is in our hands
        (100, None, 100, []),  # a group that begins takes what there is
        (40, 40, 41, []),  # a transaction's marker, no record
        (0, 40, 40, []),
        (0, 400, 0, []),  # made anew: fewer records than the group had taken
    ],
)
async def test_what_was_deleted_before_it_was_taken_is_told(
    start: int, done: int | None, first: int, deleted: list[int]
) -> None:
    rig = Rig(start=start, done=done)
    await rig.take(first)
    assert rig.deleted == deleted


async def test_what_is_deleted_while_we_lag_is_told_once() -> None:
    rig = Rig(done=10)
    await rig.take(10)
    rig.sources.start = 15
    await rig.take(15)
    await rig.take(16)
    assert rig.deleted == [4]


async def test_what_another_member_took_meanwhile_was_not_left_unread() -> None:
    rig = Rig(done=10)
    await rig.take(10)
    rig.sources.start, rig.sources.done = 400, 500  # it had the partition, and gave it back
    await rig.take(500)
    assert rig.deleted == []


async def test_a_partition_that_the_brokers_do_not_tell_of_yet_has_lost_nothing() -> None:
    rig = Rig()
    await rig.places.mark(TOPIC, 2, 0)
    rig.places.passed(TOPIC, 2, 10)
    assert await rig.places.mark(TOPIC, 2, 11) == f"{TOPIC}#id1/2:".encode()
    assert rig.deleted == []


async def test_it_is_told_also_where_the_brokers_did_not_answer_at_first() -> None:
    rig = Rig(start=15, done=10)
    rig.sources.is_away = True
    with pytest.raises(Unavailable):
        await rig.take(15)
    rig.sources.is_away = False
    await rig.take(15)
    assert rig.deleted == [5]


async def test_of_a_topic_made_anew_nothing_was_left_unread() -> None:
    rig = Rig(start=50)
    await rig.take(10)
    rig.sources.name = "id2"
    await rig.take(50)
    assert rig.deleted == []
