"""A customer as she was: the same as the partition had her when its clock stood there."""

from __future__ import annotations

import pytest

from models import events
from models.customer import pack, unpack
from models.decisions import AnyDecision
from rules.reduce import Reducer
from streams.jobs.ahead import by_itself
from streams.jobs.hindsight import OutOfSight, as_of
from streams.log.memory import MemoryLog
from streams.log.port import Append, Bounds, Entry
from streams.store import keys
from streams.topics import LOG
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, purchase
from tests.streams.test_preview import tick

DAY_S = 86_400
START = NOW - 30 * DAY_S
HARDER = book(2, gold=(500, 400))


def story() -> list[Entry]:
    """Anna's month among others': two purchases, a new rulebook, silence."""
    return [
        tick(START),
        Entry(None, events.encode(activation(0, book()))),
        purchase(1, net_amount_minor=15_000, occurred_at=START - 9),
        purchase(2, b"bert", net_amount_minor=9_000, occurred_at=START - 8),
        tick(START + DAY_S),
        purchase(3, net_amount_minor=15_000, occurred_at=START + DAY_S - 9),
        tick(START + 2 * DAY_S),
        Entry(None, events.encode(activation(1, HARDER))),
        tick(START + 4 * DAY_S),
        purchase(4, b"bert", net_amount_minor=9_000, occurred_at=START + 4 * DAY_S - 9),
        tick(START + 12 * DAY_S),
        tick(NOW),
    ]


def placed(entries: list[Entry]) -> Place:
    place = Place()
    place.append(*entries)
    return place


@pytest.mark.parametrize("count", [4, 6, 8, 10, 11, 12])
async def test_she_is_as_the_partition_had_her(count: int) -> None:
    """The log before a tick, reduced by the partition, against the whole log seen up to there."""
    whole, part = placed(story()), placed(story()[:count])
    partition = await part.taken()
    await part.feed(partition)
    while not partition.settled:
        await partition.work_ahead()
    assert partition.now is not None
    (packed,) = (await part.store.view(0, [keys.customer_field(b"anna")])).values
    known = unpack(packed or b"")
    reducer = Reducer("test")
    seen = await as_of(whole.log, "test", 1, "anna", partition.now)
    assert seen.era is not None
    reducer.eras, reducer.first_tick = [seen.era], seen.position.first_tick
    reducer.catch_up("anna", known, partition.now, [])
    assert pack(seen.state) == pack(known)
    assert seen.position.now == partition.now


async def test_the_rulebook_is_the_one_of_that_time() -> None:
    place = placed(story())
    for at, version, tier in (
        (START + DAY_S, 1, 2),
        (START + 2 * DAY_S - 1, 1, 2),
        (START + 3 * DAY_S, 2, 1),
        (START + 12 * DAY_S, 2, 0),
    ):
        seen = await as_of(place.log, "test", 1, "anna", at)
        assert seen.era is not None
        assert seen.era.book is not None
        assert (seen.era.book.version, seen.state.concluded.tier) == (version, tier)


@pytest.mark.parametrize(
    ("who", "at", "message"),
    [
        ("anna", NOW + 1, "the clock of partition 0 stands at 2024-10-27"),
        ("anna", START - 1, "had not started by 2024-09-27.*give a later instant"),
        ("zoe", NOW, "nothing was known of customer 'zoe'"),
    ],
)
async def test_what_the_log_cannot_say_is_refused(who: str, at: int, message: str) -> None:
    place = placed(story())
    with pytest.raises(OutOfSight, match=message):
        await as_of(place.log, "test", 1, who, at)


class Forgetful(MemoryLog):
    """A log whose first records are gone."""

    async def bounds(self, topic: str, partition: int) -> Bounds:
        return (await super().bounds(topic, partition))._replace(start=3)


async def test_a_log_that_does_not_reach_back_is_said_to() -> None:
    log = Forgetful(lambda: NOW)
    log.append(Append(LOG, 0, story()))
    with pytest.raises(OutOfSight, match=r"starts at record 3.*TOPIC_LOG_RETENTION_DAYS"):
        await as_of(log, "test", 1, "anna", NOW)


async def test_what_cannot_be_read_moves_no_clock() -> None:
    place = Place()
    place.append(Entry(None, b'{"event":"engine.raised","by":"\xff"}'), *story())
    assert (await as_of(place.log, "test", 1, "anna", NOW)).position.now == NOW


async def test_progress_ends_at_the_end() -> None:
    place, told = placed(story()), list[tuple[int, int]]()
    await as_of(place.log, "test", 1, "anna", NOW, progress=lambda *at: told.append(at))
    assert told[-1] == (len(story()), len(story()))


async def test_what_is_said_to_come_by_itself_comes() -> None:
    place = placed(story())
    then = await as_of(place.log, "test", 1, "anna", START + 2 * DAY_S - 1)
    assert then.era is not None
    before = pack(then.state)
    ahead = by_itself("test", "anna", then.state, then.era)
    assert pack(then.state) == before
    assert ahead.changes
    reducer, said = Reducer("test"), list[AnyDecision]()
    reducer.eras = [then.era]
    reducer.catch_up("anna", then.state, NOW + 365 * DAY_S, said)
    assert ahead.changes == said[: len(ahead.changes)]


async def test_her_history_is_what_was_accepted_of_her() -> None:
    late = START - 60 * DAY_S
    place = placed([
        *story(),
        purchase(1, net_amount_minor=15_000, occurred_at=START - 9),  # a repeat
        purchase(5, net_amount_minor=9_000, occurred_at=late),  # too late
        purchase(6, net_amount_minor=9_000, occurred_at=NOW),
    ])  # fmt: skip
    seen = await as_of(place.log, "test", 1, "anna", NOW)
    assert [event.event_id for event in seen.history] == ["e1", "e3", "e6"]
    before = await as_of(place.log, "test", 1, "anna", START + DAY_S - 1)
    assert [event.event_id for event in before.history] == ["e1"]
