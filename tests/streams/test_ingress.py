"""Ingress against the in-memory log: what goes where, marked how, and what stops it."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Reason
from models.events import EraChange, Purchase, decode
from streams.clock import ManualClock
from streams.errors import Halt, Unavailable
from streams.ingress import Ingress, IngressSettings, sources_of
from streams.log.memory import MemoryLog
from streams.log.partitioner import partition_for
from streams.log.port import Append, Record
from streams.log.producer import MemoryProducer
from streams.topics import Catalogue
from tests.streams.test_source_places import Sources

PARTITIONS = 4
LOG = "segment.log.v1"
PURCHASES = "customer.purchase.v1"
CONTROL = "segment.control.v1"
CATALOGUE = Catalogue("", PARTITIONS, 400, 30, 7)
NOW = 1_800_000_000


class Watching:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.accepted = 0
        self.reasons: dict[Reason, int] = {}
        self.unknown = 0

    def ingested(self, topic: str, accepted: int, seconds: float) -> None:
        assert topic
        assert seconds >= 0
        self.accepted += accepted

    def refused(self, topic: str, reason: Reason, count: int) -> None:
        assert topic
        self.reasons[reason] = self.reasons.get(reason, 0) + count

    def unknown_fields(self, topic: str, count: int) -> None:
        assert topic
        self.unknown += count

    def deleted_unread(self, topic: str, count: int) -> None:
        raise AssertionError((topic, count))


class FailingProducer(MemoryProducer):
    """Fails the deliveries it is told to, before anything is appended."""

    def __init__(self, log: MemoryLog, failures: int) -> None:
        super().__init__(log)
        self.failures = failures

    async def deliver(self, appends: Sequence[Append]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the broker is away")
        await super().deliver(appends)


class Rig:
    """An ingress with an in-memory log behind it."""

    def __init__(self, *, failures: int = 0) -> None:
        self.log = MemoryLog(lambda: NOW)
        self.watching = Watching()
        self.sources = Sources()
        self.ingress = Ingress(
            sources_of(CATALOGUE),
            FailingProducer(self.log, failures),
            self.sources,
            IngressSettings(log_topic=LOG, partitions=PARTITIONS, group="ingress"),
            ManualClock(NOW),
            self.watching,
        )

    async def held(self, topic: str, partition: int = 0) -> list[Record]:
        _, end = await self.log.bounds(topic, partition)
        return [r async for rs, _ in self.log.read(topic, partition, 0, end) for r in rs]

    async def logged(self) -> list[Record]:
        return [record for number in range(PARTITIONS) for record in await self.held(LOG, number)]


def purchase(number: int, customer: str = "C-1", **more: object) -> dict[str, object]:
    return {
        "event": "purchase",
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": "2026-08-02T16:00:00Z",
        "source": "shop",
        "schema_version": 1,
        "order_id": f"o{number}",
        "net_amount_minor": 100 + number,
        "currency": "GBP",
        **more,
    }


def records(
    values: Sequence[object], start: int = 0, headers: tuple[tuple[str, bytes], ...] = ()
) -> list[Record]:
    texts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return [Record(start + i, NOW, b"any", text, headers) for i, text in enumerate(texts)]


def headers(record: Record) -> dict[str, bytes]:
    return dict(record.headers)


async def test_a_record_goes_to_its_customers_partition_in_canonical_form_and_marked() -> None:
    rig = Rig()
    customers = ["C-1", "17850", "客户"]
    batch = records([purchase(i, customer) for i, customer in enumerate(customers)], start=40)
    await rig.ingress.handle(PURCHASES, 3, batch)
    for offset, customer in enumerate(customers, 40):
        home = partition_for(customer.encode(), PARTITIONS)
        (record,) = [r for r in await rig.held(LOG, home) if r.key == customer.encode()]
        assert headers(record) == {"mark": f"{PURCHASES}#id1/3:{offset}".encode()}
        event = decode(record.value or b"")
        assert isinstance(event, Purchase)
        assert event.net_amount_minor == 60 + offset
    assert rig.watching.accepted == 3


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=40), st.integers(1, 7))
async def test_one_source_partition_arrives_in_order_however_it_is_cut(
    customers: list[str], size: int
) -> None:
    rig = Rig()
    batch = records([purchase(i, customer) for i, customer in enumerate(customers)])
    for start in range(0, len(batch), size):
        await rig.ingress.handle(PURCHASES, 0, batch[start : start + size])
    for number in range(PARTITIONS):
        marks = [int(headers(r)["mark"].rpartition(b":")[2]) for r in await rig.held(LOG, number)]
        assert marks == sorted(marks)
    assert len(await rig.logged()) == len(customers)
    assert rig.sources.asked == bool(customers)  # not again at every batch


async def test_a_trace_goes_along_and_other_headers_stay_behind() -> None:
    rig = Rig()
    sent = (("shop-internal", b"x"), ("traceparent", b"00-abc-def-01"))
    await rig.ingress.handle(PURCHASES, 0, records([purchase(1)], headers=sent))
    (record,) = await rig.logged()
    assert set(headers(record)) == {"mark", "traceparent"}


async def test_bad_input_is_set_aside_untouched_with_where_and_why() -> None:
    rig = Rig()
    sent = (("shop-internal", b"x"),)
    bad = records([b"{not json"], start=7, headers=sent)
    await rig.ingress.handle(PURCHASES, 2, [*bad, *records([purchase(1)], start=8)])
    (letter,) = await rig.held(f"{PURCHASES}.dlq")
    assert (letter.key, letter.value) == (b"any", b"{not json")
    said = headers(letter)
    assert said["shop-internal"] == b"x"
    assert said["dlq.topic"] == PURCHASES.encode()
    assert (said["dlq.partition"], said["dlq.offset"]) == (b"2", b"7")
    assert said["dlq.reason"] == b"NOT_JSON"
    assert said["dlq.at"] == b"2027-01-15T08:00:00Z"
    assert said["dlq.message"]
    assert len(await rig.logged()) == 1
    assert rig.watching.reasons == {Reason.NOT_JSON: 1}


async def test_a_dead_letter_keeps_a_value_of_any_size() -> None:
    rig = Rig()
    large = json.dumps(purchase(1, coupon="x" * 300_000)).encode()
    await rig.ingress.handle(PURCHASES, 0, records([large]))
    (letter,) = await rig.held(f"{PURCHASES}.dlq")
    assert letter.value == large
    assert headers(letter)["dlq.reason"] == b"TOO_LARGE"


async def test_unknown_fields_are_ignored_and_counted() -> None:
    rig = Rig()
    await rig.ingress.handle(PURCHASES, 0, records([purchase(1, colour="red"), purchase(2)]))
    assert len(await rig.logged()) == 2
    assert rig.watching.unknown == 1


async def test_a_failed_delivery_is_reported_and_the_same_records_can_be_handed_in_again() -> None:
    rig = Rig(failures=1)
    batch = records([purchase(1)])
    with pytest.raises(Unavailable):
        await rig.ingress.handle(PURCHASES, 0, batch)
    assert await rig.logged() == []
    await rig.ingress.handle(PURCHASES, 0, batch)
    assert len(await rig.logged()) == 1


async def test_it_halts_rather_than_divert_a_stream_that_is_mostly_bad() -> None:
    rig = Rig()
    good = records([purchase(i) for i in range(150)])
    await rig.ingress.handle(PURCHASES, 0, good)
    bad = records([b"x"] * 200, start=150)
    with pytest.raises(
        Halt, match=r"200 of the last 350 records of .*The newest: the value is not JSON"
    ):
        await rig.ingress.handle(PURCHASES, 0, bad)
    assert await rig.held(f"{PURCHASES}.dlq") == []


async def test_a_stream_that_turns_bad_halts_it_however_much_was_good_before() -> None:
    rig = Rig()
    await rig.ingress.handle(PURCHASES, 0, records([purchase(i) for i in range(600)]))
    await rig.ingress.handle(PURCHASES, 0, records([b"x"] * 500, start=600))
    assert len(await rig.held(f"{PURCHASES}.dlq")) == 500
    with pytest.raises(Halt, match=r"501 of the last 1000 records"):
        await rig.ingress.handle(PURCHASES, 0, records([b"x"], start=1_100))


async def test_a_few_bad_records_at_the_start_do_not_halt_it() -> None:
    rig = Rig()
    await rig.ingress.handle(PURCHASES, 0, records([b"x"] * 199))
    assert len(await rig.held(f"{PURCHASES}.dlq")) == 199


def control(event: str, number: int = 1, **fields: object) -> dict[str, object]:
    return {
        "event": event,
        "event_id": f"k{number}",
        "occurred_at": "2026-08-02T16:00:00Z",
        "source": "crm",
        "schema_version": 1,
        "by": "ana",
        **fields,
    }


def rates(date: str) -> dict[str, object]:
    return control("rates.set", base="GBP", date=date, rates={"EUR": 0.85})


async def test_a_change_of_era_reaches_every_partition_in_order_numbered_by_its_offset() -> None:
    rig = Rig()
    override = control(
        "override.set",
        customer_id="C-1",
        override_id="O-1",
        tier="gold",
        reason="vip",
        by="ana",
    )
    batch = records([rates("2026-08-02"), override, rates("2026-08-03")], start=5)
    await rig.ingress.handle(CONTROL, 0, batch)
    home = partition_for(b"C-1", PARTITIONS)
    for number in range(PARTITIONS):
        held = await rig.held(LOG, number)
        events = [decode(record.value or b"") for record in held]
        assert [e.number for e in events if isinstance(e, EraChange)] == [5, 7]
        assert [record.key for record in held] == (
            [None, b"C-1", None] if number == home else [None] * 2
        )


async def test_a_bad_rulebook_is_refused_with_the_findings() -> None:
    rig = Rig()
    book = control("rulebook.activated", name="shop", version=1, text="tiers: [")
    await rig.ingress.handle(CONTROL, 0, records([book]))
    assert await rig.logged() == []
    (letter,) = await rig.held(f"{CONTROL}.dlq")
    assert headers(letter)["dlq.reason"] == b"REFUSED"
    assert b"shop.yaml" in headers(letter)["dlq.message"]


async def test_a_release_of_the_clock_is_neither_for_the_log_nor_a_dead_letter() -> None:
    rig = Rig()
    release = {
        "event": "clock.released",
        "source": "customer.profile.v1",
        "ends": {"0": 12},
        "by": "ana",
        "reason": "retired",
    }
    await rig.ingress.handle(CONTROL, 0, records([release]))
    await rig.ingress.handle(PURCHASES, 0, records([release]))
    assert await rig.logged() == []
    assert await rig.held(f"{CONTROL}.dlq") == []
    assert len(await rig.held(f"{PURCHASES}.dlq")) == 1
