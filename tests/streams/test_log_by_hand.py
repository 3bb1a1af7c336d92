"""Records that only who writes into the log by hand can write: none of them halts a partition."""

from __future__ import annotations

import tracemalloc
import zlib
from base64 import b64encode
from itertools import islice, product
from random import Random
from string import ascii_uppercase

import msgspec
import pytest

from models import events
from models.customer import Conclusions, CustomerState, Facts, Override, Part, Standing, pack
from models.errors import Reason
from models.events import encode
from rules.admission import ATTRIBUTE_BYTES_MAX, STATE_BYTES_MAX
from streams.batch import EVENT_BYTES_MAX
from streams.log.port import Entry
from streams.marks import MARK_HEADER
from streams.partition import Partition
from streams.topics import LOG
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, purchase


def moved(state: bytes | CustomerState, **more: object) -> Entry:
    whole = pack(state) if isinstance(state, CustomerState) else state
    event = events.CustomerMoved(
        event_id="m", source="crm", occurred_at=NOW, came_by=("berta",), by="crm",
        state=b64encode(zlib.compress(whole, 9)).decode(),
    )  # fmt: skip
    return Entry(b"anna", encode(msgspec.structs.replace(event, **more)))


async def begun(place: Place) -> Partition:
    partition = await place.taken()
    tick, activated = events.Tick(t=NOW), activation(0, book())
    place.append(Entry(None, encode(tick)), Entry(None, encode(activated)))
    await place.feed(partition)
    return partition


async def letters(*entries: Entry) -> list[Reason]:
    """Return why records are set aside; the partition goes on behind them."""
    place = Place()
    partition = await begun(place)
    place.append(*entries, purchase(1))
    await place.feed(partition)
    assert partition.next == len(await place.records())
    return place.told.letters


def overridden(reason: str) -> CustomerState:
    override = Override("a", 1, False, reason, "crm", None)
    return CustomerState(concluded=Conclusions(standing=Standing(override=override)))


def attributed(name: str, value: object) -> CustomerState:
    return CustomerState(facts=Facts(profile={name: (NOW, value)}))


@pytest.mark.parametrize(
    "state",
    [
        attributed("custom.a", "x" * ATTRIBUTE_BYTES_MAX),
        attributed("custom.a", "x" * 990_000),
        attributed("x" * 990_000, 1),
        CustomerState(facts=Facts(categories={"x" * 990_000: Part()})),
        CustomerState(facts=Facts(currency="x" * 990_000)),
        overridden("x" * 990_000),
        CustomerState(facts=Facts(profile={f"a{i}": (NOW, "x" * 900) for i in range(1_200)})),
    ],
)
async def test_a_sent_state_that_no_customer_can_have_is_set_aside(state: CustomerState) -> None:
    assert await letters(moved(state)) == [Reason.TOO_LARGE]


async def test_a_sent_state_at_the_limits_is_taken() -> None:
    largest = attributed("custom.a", "x" * (ATTRIBUTE_BYTES_MAX - len('""')))
    assert await letters(moved(largest)) == []


async def test_of_what_inflates_without_end_no_more_than_a_state_is_read() -> None:
    place = Place()
    partition = await begun(place)
    place.append(moved(bytes(STATE_BYTES_MAX * 60)))
    tracemalloc.start()
    try:
        await place.feed(partition)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert place.told.letters == [Reason.TOO_LARGE]
    assert peak < 10 * STATE_BYTES_MAX


async def test_beside_its_state_what_is_sent_is_as_small_as_any_event() -> None:
    entry = moved(CustomerState(), came_by=("b" * EVENT_BYTES_MAX,))
    assert await letters(entry) == [Reason.TOO_LARGE]
    assert await letters(moved(Random(1).randbytes(600_000))) == [Reason.TOO_LARGE]


async def test_what_is_too_large_only_with_her_own_state_is_set_aside() -> None:
    def years(first: int) -> Entry:
        days, many = list(range(first, first + 35_000)), [2**33] * 35_000
        state = CustomerState(facts=Facts(currency="EUR", days=days, net_minor=many, orders=many))
        return moved(state, event_id=f"m{first}")

    assert await letters(years(20_100), years(60_100)) == [Reason.TOO_LARGE]


async def test_what_is_sent_on_carries_only_the_trace() -> None:
    place = Place()
    partition = await begun(place)
    merged = events.CustomersMerged(
        event_id="g", source="crm", occurred_at=NOW, absorbed="anna", survivor="berta", by="crm"
    )
    odd = ((MARK_HEADER, b"shop#1/0:7"), ("traceparent", b"00-1-2-03"), ("x", b"y" * 1_000_000))
    place.append(purchase(1), Entry(b"anna", encode(merged)), purchase(2)._replace(headers=odd))
    await place.feed(partition)
    *_, sent = await place.records(LOG)
    assert (sent.key, sent.headers) == (b"berta", (("traceparent", b"00-1-2-03"),))


async def test_an_era_that_would_not_fit_a_record_is_set_aside() -> None:
    codes = islice(product(ascii_uppercase, repeat=3), 7_000)
    rates = {"".join(code): 1 / 3 for code in codes}
    days = [
        events.RatesSet(number=i, by="crm", base="EUR", date=f"2024-10-{i:02}", rates=rates)
        for i in range(10, 20)
    ]
    said = await letters(*(Entry(None, encode(day)) for day in days))
    assert set(said) == {Reason.TOO_LARGE}
    assert 0 < len(said) < len(days)
