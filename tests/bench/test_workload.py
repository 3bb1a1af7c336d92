"""The benchmark's events are what it says they are."""

from collections import Counter
from itertools import chain

from models.events import decode
from models.wire import TOPICS, accept
from streams.log.partitioner import partition_for
from tests.bench.workload import FIRST_DAY, ZONE, Happening, Shop

PARTITIONS = 4
DAYS = 40


def made(count: int = 20_000) -> list[Happening]:
    shop = Shop(customers=5_000, partitions=PARTITIONS)
    days = shop.days(shop.by_habit(count), FIRST_DAY, DAYS)
    return list(chain.from_iterable(of_day for _, of_day in days))


def test_the_same_events_come_in_every_run() -> None:
    assert made(2_000) == made(2_000)


def test_a_producer_and_the_log_say_the_same() -> None:
    for happening in made(5_000):
        accepted = accept(TOPICS[happening.topic], None, happening.wire(), (), offset=0)
        assert accepted.customer == happening.customer.decode()
        assert accepted.event == happening.event == decode(happening.canonical())
        assert accepted.unknown_fields == ()
        assert happening.partition == partition_for(happening.customer, PARTITIONS)


def test_events_come_in_order_on_their_days_in_the_mix_that_is_stated() -> None:
    events = made()
    at = [happening.event.occurred_at for happening in events]
    assert at == sorted(at)
    assert (at[0], ZONE.day(at[-1])) == (ZONE.start(FIRST_DAY), FIRST_DAY + DAYS - 1)
    shares = {topic: n / len(events) for topic, n in Counter(e.topic for e in events).items()}
    assert abs(shares["customer.purchase.v1"] - 0.92) < 0.01
    assert abs(shares["customer.feedback.v1"] - 0.05) < 0.01
    assert abs(shares["customer.complaint.v1"] - 0.03) < 0.01
    mean = sum(len(happening.wire()) for happening in events) / len(events)
    assert 220 < mean < 320


def test_everybody_has_a_history() -> None:
    shop = Shop(customers=500, partitions=PARTITIONS)
    assert Counter(shop.everybody(3)) == Counter(dict.fromkeys(range(500), 3))
