"""Ingress and single records that cannot be taken: the others go on, and each counts once."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from models.events import Event, Purchase, encode
from models.wire import TOPICS, accept
from streams import ingress as ingress_module
from streams.batch import EVENT_BYTES_MAX
from streams.errors import Halt, Unavailable
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.releases import Releases
from tests.streams.test_ingress import (
    CONTROL,
    NOW,
    PURCHASES,
    Rig,
    headers,
    purchase,
    records,
)

RELEASE_IN_LATIN_1 = (
    b'{"event":"clock.released","source":"customer.profile.v1","ends":{"0":12},'
    b'"by":"J\xfcrgen","reason":"retired"}'
)


async def test_a_record_that_nobody_foresaw_is_set_aside_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def odd(event: Event) -> bytes:
        if isinstance(event, Purchase) and event.event_id == "e1":
            raise KeyError("nobody foresaw this")
        return encode(event)

    monkeypatch.setattr(ingress_module, "encode", odd)
    rig = Rig()
    await rig.ingress.handle(PURCHASES, 0, records([purchase(0), purchase(1), purchase(2)]))
    (letter,) = await rig.held(f"{PURCHASES}.dlq")
    assert json.loads(letter.value or b"")["event_id"] == "e1"
    said = headers(letter)
    assert said["dlq.reason"] == b"RULE_FAILED"
    assert said["dlq.message"].startswith(b"KeyError while reading this record: ")
    assert len(await rig.logged()) == 2


async def test_a_release_that_is_not_utf_8_is_set_aside() -> None:
    rig = Rig()
    await rig.ingress.handle(CONTROL, 0, records([RELEASE_IN_LATIN_1]))
    (letter,) = await rig.held(f"{CONTROL}.dlq")
    assert letter.value == RELEASE_IN_LATIN_1
    assert headers(letter)["dlq.reason"] == b"NOT_JSON"


async def test_a_release_that_is_not_utf_8_releases_nothing_and_the_clock_goes_on() -> None:
    log = MemoryLog(lambda: NOW)
    log.append(Append(CONTROL, 0, [Entry(None, RELEASE_IN_LATIN_1)]))
    assert await Releases(log, CONTROL).current() == {}


@pytest.mark.parametrize("error", [MemoryError(), OSError("too many open files")])
async def test_what_this_worker_lacks_is_not_a_records_fault(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def lacking(_: object) -> bytes:
        raise error

    monkeypatch.setattr(ingress_module, "encode", lacking)
    rig = Rig()
    with pytest.raises(type(error)):
        await rig.ingress.handle(PURCHASES, 0, records([purchase(1)]))
    assert await rig.held(f"{PURCHASES}.dlq") == []


async def test_what_is_too_large_only_in_canonical_form_is_refused_at_the_door() -> None:
    """There its bytes are kept whole; behind the log they would be cut."""
    rig = Rig()
    names = {"sku": "s" * 128, "category": "c" * 82, "brand": "b" * 30}
    lines = [{"line_id": f"{i:03}", "net_amount_minor": 1, "quantity": 1} for i in range(200)]
    event = purchase(100, lines=[line | names for line in lines])
    raw = json.dumps(event | {"net_amount_minor": 200}, separators=(",", ":")).encode()
    canonical = encode(accept(TOPICS[PURCHASES], None, raw, (), offset=0).event)
    assert len(raw) <= EVENT_BYTES_MAX < len(canonical)
    await rig.ingress.handle(PURCHASES, 0, records([raw]))
    assert await rig.logged() == []
    (letter,) = await rig.held(f"{PURCHASES}.dlq")
    assert letter.value == raw
    assert headers(letter)["dlq.reason"] == b"TOO_LARGE"
    assert b"in the log, above 65,536" in headers(letter)["dlq.message"]


async def test_what_only_its_producer_compressed_is_set_aside_shortened() -> None:
    """Its topic took it since it bounds what is compressed; a dead letter is not."""
    rig = Rig()
    value = json.dumps(purchase(1, coupon="x" * 3_000_000)).encode()
    batch = [
        *records([value]),
        *(each._replace(key=b"k" * 3_000_000) for each in records([b"x"], start=1)),
        *records([b"y"], start=2, headers=(("z", b"z" * 3_000_000),)),
        *records([purchase(3)], start=3),
    ]
    await rig.ingress.handle(PURCHASES, 0, batch)
    cut, keyed, headed = await rig.held(f"{PURCHASES}.dlq")
    assert (cut.key, cut.value) == (b"any", value[:64_000])
    assert headers(cut)["dlq.length"] == str(len(value)).encode()
    assert headers(cut)["dlq.sha256"] == sha256(value).hexdigest().encode()
    assert (keyed.key, keyed.value) == (b"k" * 64_000, b"x")
    assert headers(keyed)["dlq.key-length"] == b"3000000"
    assert headed.value == b"y"
    assert headers(headed)["dlq.headers"] == b"3000001"
    assert len(await rig.logged()) == 1


async def test_what_is_handed_in_again_through_an_outage_counts_once() -> None:
    rig = Rig(failures=40)
    mixed = [b"x" if i % 5 < 3 else purchase(i) for i in range(25)]
    batch = records(mixed)
    for _ in range(40):
        with pytest.raises(Unavailable):
            await rig.ingress.handle(PURCHASES, 0, batch)
    await rig.ingress.handle(PURCHASES, 0, batch)
    assert len(await rig.held(f"{PURCHASES}.dlq")) == 15
    with pytest.raises(Halt, match="200 of the last 210 records"):
        await rig.ingress.handle(PURCHASES, 0, records([b"x"] * 185, start=25))
