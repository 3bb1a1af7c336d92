"""A past that is written in bulk is one that a worker takes over as its own."""

from itertools import count

from streams.clock import ManualClock
from streams.ledger import state_digest
from streams.log.memory import MemoryLog
from streams.log.producer import MemoryProducer
from streams.protocol import Pace, PartitionSettings
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import START
from streams.takeover import TakeOver
from streams.topics import Catalogue
from tests.bench.preloaded import past, preload
from tests.bench.workload import Shop

PARTITIONS, CUSTOMERS = 2, 100
CATALOGUE = Catalogue("", PARTITIONS, 400, 30, 7)


class Member:
    async def confirmed(self) -> bool:
        return True


async def test_a_worker_takes_over_what_was_preloaded() -> None:
    log, store, lived = MemoryLog(lambda: 0), MemoryStore(), past(customers=20)
    shop = Shop(CUSTOMERS, PARTITIONS)
    writer = await preload(log, MemoryProducer(log), CATALOGUE, shop, lived, lambda _: None)
    names = (f"owner-{number}" for number in count())
    customers = 0
    for number in range(PARTITIONS):
        settings = PartitionSettings(app="bench", partitions=PARTITIONS)
        clock, draw = ManualClock(), names.__next__
        attempt = TakeOver(number, log, store, settings, clock, Member(), draw, Pace())
        held, _, _ = await attempt.run()
        position = held.ledger.position
        assert (position.next, position.now) == (writer.sizes[number], lived.now)
        assert not held.ledger.unseated
        _, fields = await store.scan(number, START, 10 * CUSTOMERS)
        states = [(keys.customer_of(name), packed) for name, packed in fields]
        digest = sum(state_digest(customer, packed) for customer, packed in states if customer)
        assert position.states == f"{digest % (1 << 128):032x}"
        customers += sum(customer is not None for customer, _ in states)
        assert not await store.due(number, lived.now, 1)
        assert await store.due(number, lived.now + 1_000 * 86_400, 1)
    assert customers == CUSTOMERS


def test_nobody_of_the_past_is_due_yet() -> None:
    lived = past(customers=20)
    assert len(lived.states) == len(lived.dues) == 20
    assert all(due is None or due > lived.now for due in lived.dues)
