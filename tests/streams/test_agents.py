"""Owners and agents: take-over, gathering, doubt, halt, leaving; with a fake partition."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from streams.agents import CustomersAgent, Failure, IngressAgent
from streams.errors import Doubt, Halt, Unavailable
from streams.fetched import Fetched, Place
from streams.inbox import Inbox
from streams.log.port import Record
from streams.metrics import Metrics
from streams.owner import Limits

LOG = "segment.log.v1"
LIMITS = Limits(records_max=10, linger_s=0.005, idle_s=0.01, batch_timeout_s=1.0)


class Batch:
    """A ticket that remembers what became of it."""

    def __init__(self, first: int, count: int, partition: int = 0, topic: str = LOG) -> None:
        records = [
            Record(offset, 1_000 + offset, b"c", b"{}") for offset in range(first, first + count)
        ]
        self.fetched = Fetched(topic, partition, records, first, first + count)
        self.outcome: str | None = None

    def done(self, note: str = "") -> None:
        assert self.outcome is None
        self.outcome = f"done {note}".strip()

    def drop(self) -> None:
        assert self.outcome is None
        self.outcome = "dropped"


class FakePartition:
    """Does what `script` says, one entry a call; then succeeds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.next: int | None = None
        self.now: int | None = None
        self.settled = False
        self.script: dict[str, list[Exception]] = {"take_over": [], "process": []}
        self.processed: list[tuple[int, int, int]] = []
        self.take_overs = 0
        self.looked_ahead = 0
        self.dropped = False
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def due_by(self, until: int) -> bool:
        return until < 0

    async def take_over(self) -> None:
        self.take_overs += 1
        self._play("take_over")
        self.next = self.next or 0

    async def process(self, records: Sequence[Record], before: int, after: int) -> None:
        await self.may_go_on.wait()
        self._play("process")
        self.processed.append((len(records), before, after))
        self.next = after

    async def work_ahead(self) -> None:
        self.looked_ahead += 1

    async def drop(self) -> None:
        self.dropped = True

    def _play(self, call: str) -> None:
        if self.script[call]:
            raise self.script[call].pop(0)


class Worker:
    """A customers agent with one fake partition."""

    def __init__(self) -> None:
        self.partition = FakePartition(0)
        self.sought: list[tuple[Place, int]] = []
        self.failure = Failure()
        self.agent = CustomersAgent(
            lambda _: self.partition,
            self._start_at,
            lambda _: (),
            LIMITS,
            Metrics(),
            self.failure,
        )

    async def _start_at(self, place: Place, offset: int) -> None:
        self.sought.append((place, offset))

    async def start(self) -> None:
        await self.agent.assigned([(LOG, 0)])
        await until(lambda: bool(self.sought) or self.agent.positions() == {})

    async def stop(self) -> None:
        await self.agent.revoked([(LOG, 0)])


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.002)
    pytest.fail("what was waited for did not come about")


async def test_a_partition_is_taken_over_before_it_is_fetched_from_its_position() -> None:
    worker = Worker()
    worker.partition.next = 40
    assert await worker.agent.missing() == [
        "no partitions were assigned yet: is the broker up, and the group stable?"
    ]
    await worker.agent.assigned([(LOG, 0)])
    assert await worker.agent.missing() == ["partition 0 is being taken over"]
    await until(lambda: worker.sought == [((LOG, 0), 40)])
    await until(lambda: worker.agent.positions() == {(LOG, 0): 40})
    assert await worker.agent.missing() == []
    await worker.stop()
    assert worker.partition.dropped


async def test_a_take_over_in_doubt_is_repeated() -> None:
    worker = Worker()
    worker.partition.script["take_over"] = [Doubt("not a member"), Unavailable("no reply")]
    await worker.start()
    await until(lambda: worker.partition.take_overs == 3)
    await worker.stop()


async def test_small_batches_are_gathered_and_each_is_settled() -> None:
    worker = Worker()
    await worker.start()
    batches = [Batch(0, 3), Batch(3, 4), Batch(7, 0)]
    for batch in batches:
        await worker.agent.take(batch)
    await until(lambda: all(batch.outcome == "done" for batch in batches))
    assert worker.partition.processed == [(7, 0, 7)]
    await worker.stop()


async def test_a_batch_in_doubt_is_handed_in_again_after_a_take_over() -> None:
    worker = Worker()
    await worker.start()
    worker.partition.script["process"] = [Doubt("fenced"), Unavailable("no reply")]
    batch = Batch(0, 3)
    await worker.agent.take(batch)
    await until(lambda: batch.outcome == "done")
    assert worker.partition.take_overs == 3
    assert worker.sought == [((LOG, 0), 0)]
    await worker.stop()


async def test_nothing_arriving_means_looking_what_is_due() -> None:
    worker = Worker()
    await worker.start()
    await until(lambda: worker.partition.looked_ahead > 2)
    await worker.stop()


async def test_a_halt_stops_the_partition_and_says_why() -> None:
    worker = Worker()
    await worker.start()
    worker.partition.script["process"] = [Halt("the log lost what was not processed")]
    first, second = Batch(0, 3), Batch(3, 3)
    await worker.agent.take(first)
    await until(lambda: first.outcome == "dropped")
    await worker.agent.take(second)
    assert second.outcome == "dropped"
    assert await worker.agent.missing() == [
        "partition 0 is halted: the log lost what was not processed"
    ]
    assert worker.agent.positions() == {}
    assert worker.agent.reached() == {(LOG, 0): 0}
    await worker.stop()


async def test_a_partition_that_is_taken_over_in_vain_still_lags() -> None:
    worker = Worker()
    await worker.start()
    await worker.agent.take(Batch(0, 3))
    await until(lambda: worker.agent.positions() == {(LOG, 0): 3})
    worker.partition.script |= {
        "process": [Unavailable("the store is away")],
        "take_over": [Unavailable("the store is away") for _ in range(99)],
    }
    await worker.agent.take(Batch(3, 3))
    await until(lambda: worker.partition.take_overs > 2)
    worker.partition.next = None
    assert worker.agent.positions() == {}
    assert worker.agent.reached() == {(LOG, 0): 3}
    await worker.stop()


async def test_leaving_finishes_the_batch_under_way_and_drops_what_waits() -> None:
    worker = Worker()
    await worker.start()
    worker.partition.may_go_on.clear()
    first, second = Batch(0, 10), Batch(10, 5)
    await worker.agent.take(first)
    await asyncio.sleep(0.02)
    await worker.agent.take(second)
    # a rebalance, and the worker's own stop
    leaving = [asyncio.create_task(worker.stop()) for _ in range(2)]
    await until(lambda: second.outcome == "dropped")
    leaving.append(asyncio.create_task(worker.stop()))
    ended, _ = await asyncio.wait(leaving, timeout=0.05)
    assert not ended
    worker.partition.may_go_on.set()
    await asyncio.gather(*leaving)
    assert first.outcome == "done"


async def test_leaving_does_not_wait_for_ever() -> None:
    worker = Worker()
    await worker.start()
    worker.partition.may_go_on.clear()
    batch = Batch(0, 3)
    await worker.agent.take(batch)
    await asyncio.sleep(0.02)
    async with asyncio.timeout(3):
        await worker.stop()
    assert batch.outcome == "dropped"
    assert worker.partition.dropped


async def test_an_unexpected_error_ends_the_worker() -> None:
    worker = Worker()
    await worker.start()
    worker.partition.script["process"] = [ZeroDivisionError("a bug")]
    batch = Batch(0, 3)
    await worker.agent.take(batch)
    with pytest.raises(ZeroDivisionError):
        await worker.failure.wait()
    assert batch.outcome == "dropped"
    await worker.stop()


async def test_a_batch_of_a_partition_that_is_not_ours_is_dropped() -> None:
    worker = Worker()
    batch = Batch(0, 3, partition=7)
    await worker.agent.take(batch)
    assert batch.outcome == "dropped"


async def test_a_full_inbox_holds_the_fetcher_back() -> None:
    inbox = Inbox(records_max=10, linger_s=0.0)
    await inbox.put(Batch(0, 10))
    waiting = asyncio.create_task(inbox.put(Batch(10, 10)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    assert [ticket.fetched.before for ticket in await inbox.gather(0.1)] == [0]
    await waiting
    assert [ticket.fetched.before for ticket in await inbox.gather(0.1)] == [10]
    assert await inbox.gather(0.01) == []


class FakeIngress:
    """Fails as scripted, then notes what was handed in."""

    def __init__(self, *script: Exception) -> None:
        self.script = list(script)
        self.handled: list[tuple[str, int, int]] = []

    async def handle(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        if self.script:
            raise self.script.pop(0)
        self.handled.append((topic, partition, len(records)))


async def test_ingress_commits_the_newest_source_timestamp_with_its_position() -> None:
    agent = IngressAgent(FakeIngress(), LIMITS, Metrics())
    await agent.assigned([(LOG, 0)])
    assert agent.positions() == {(LOG, 0): None}
    batch = Batch(5, 3)
    await agent.take(batch)
    assert batch.outcome == "done 1007"
    assert agent.positions() == {(LOG, 0): 8}


async def test_ingress_hands_in_again_what_is_in_doubt() -> None:
    ingress = FakeIngress(Unavailable("no confirmation"), Unavailable("no confirmation"))
    agent = IngressAgent(ingress, LIMITS, Metrics())
    await agent.assigned([(LOG, 0)])
    batch = Batch(0, 2)
    taking = asyncio.create_task(agent.take(batch))
    await until(lambda: len(ingress.script) == 1)
    assert await agent.missing() == [f"partition 0 of {LOG} is not delivered: no confirmation"]
    await taking
    assert await agent.missing() == []
    assert batch.outcome == "done 1001"
    assert ingress.handled == [(LOG, 0, 2)]


async def test_a_halt_of_ingress_holds_the_partition_where_it_is() -> None:
    ingress = FakeIngress()
    agent = IngressAgent(ingress, LIMITS, Metrics())
    await agent.assigned([(LOG, 0)])
    await agent.take(Batch(0, 0))
    ingress.script = [Halt("half of it is refused")]
    first, second = Batch(0, 2), Batch(2, 2)
    await agent.take(first)
    await agent.take(second)
    assert first.outcome == second.outcome == "dropped"
    assert await agent.missing() == [f"partition 0 of {LOG} is halted: half of it is refused"]
    assert agent.reached() == {(LOG, 0): 0}
