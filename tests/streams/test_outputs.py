"""Outputs and dead letters as records."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from models.decisions import TierChanged, TierCurrent, encode
from models.errors import Reason
from streams import outputs
from streams.log.port import Record
from streams.topics import CHURN_RISK, LOG, SEGMENT_CHANGED, TIER_CHANGED
from tests.rules.driving import Driver, at, book

BAD = Record(7, 5, b"anna", b"\xff\x00", (("trace", b"1"),))


def driven() -> Driver:
    customer = Driver(book(), first_tick=at(0))
    customer.take(customer.purchase(at(0), 12_000))
    customer.pass_to(at(40))
    return customer


def test_every_decision_has_its_topic() -> None:
    topics = {outputs.topic_of(decision) for decision in driven().said}
    assert topics == {TIER_CHANGED, CHURN_RISK, SEGMENT_CHANGED}


def test_an_output_is_a_cloudevent_in_binary_mode() -> None:
    decision = driven().said[0]
    entry = outputs.output(TIER_CHANGED, b"urn:tierstream:test", decision, b"00-1-2-03")
    assert entry.key == b"anna"
    assert entry.value == encode(decision)
    assert dict(entry.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": decision.id.encode(),
        "ce_source": b"urn:tierstream:test",
        "ce_type": TIER_CHANGED.encode(),
        "ce_subject": b"anna",
        "ce_time": decision.occurred_at.encode(),
        "ce_dataschema": f"urn:tierstream:{TIER_CHANGED}".encode(),
        "ce_partitionkey": b"anna",
        "content-type": b"application/json",
        "traceparent": b"00-1-2-03",
    }
    bare = outputs.output(TIER_CHANGED, b"urn:tierstream:test", decision, None)
    assert "traceparent" not in dict(bare.headers)


def test_the_current_tier_is_kept_by_customer() -> None:
    changes = [d for d in driven().said if isinstance(d, TierChanged)]
    entry = outputs.current(changes[0])
    current = msgspec.json.decode(entry.value or b"", type=TierCurrent)
    assert entry.key == b"anna"
    assert (current.tier, current.rank, current.top) == ("gold", 2, 2)
    assert current.changed_by == changes[0].id


def test_a_dead_letter_keeps_every_byte_and_says_why() -> None:
    letter = outputs.dead_letter(LOG, 3, BAD, Reason.BAD_SCHEMA, "no JSON" * 900, 1_700_000_000)
    assert (letter.key, letter.value) == (BAD.key, BAD.value)
    headers = dict(letter.headers)
    assert headers.pop("dlq.message").startswith(b"no JSON")
    assert headers == {
        "trace": b"1",
        "dlq.topic": LOG.encode(),
        "dlq.partition": b"3",
        "dlq.offset": b"7",
        "dlq.reason": b"BAD_SCHEMA",
        "dlq.at": b"2023-11-14T22:13:20Z",
    }


def test_a_large_dead_letter_is_shortened_with_length_and_hash() -> None:
    value = b"x" * 70_000
    letter = outputs.dead_letter(LOG, 0, BAD._replace(value=value), Reason.TOO_LARGE, "", 5)
    short = outputs.shortened(letter)
    assert short.value == value[:64_000]
    headers = dict(short.headers)
    assert headers["dlq.length"] == b"70000"
    assert headers["dlq.sha256"] == sha256(value).hexdigest().encode()
    small = outputs.dead_letter(LOG, 0, BAD, Reason.TOO_LARGE, "", 5)
    assert outputs.shortened(small) == small


def test_of_endless_headers_a_dead_letter_keeps_those_that_say_why() -> None:
    odd = Record(7, 1_730_000_000, b"anna", b"{}", (("x", b"0" * 1_000_000), ("y", b"1")))
    letter = outputs.dead_letter("t", 0, odd, Reason.BAD_SCHEMA, "why", 1_730_000_000)
    kept = dict(outputs.shortened(letter).headers)
    assert kept["dlq.reason"] == b"BAD_SCHEMA"
    assert kept["dlq.headers"] == b"1000003"
    assert not {"x", "y"} & kept.keys()


def test_headers_that_only_look_like_a_dead_letters_own_are_no_way_around() -> None:
    odd = Record(7, 1_730_000_000, b"anna", b"{}", (("dlq.x", b"0" * 1_000_000),))
    letter = outputs.dead_letter("t", 0, odd, Reason.BAD_SCHEMA, "why", 1_730_000_000)
    assert "dlq.x" not in dict(outputs.shortened(letter).headers)


def test_what_a_topic_of_dead_letters_takes_is_left_as_it_is() -> None:
    value = b"x" * 1_048_588
    letter = outputs.dead_letter("t", 0, BAD._replace(value=value), Reason.TOO_LARGE, "", 5)
    assert outputs.fitting(letter) == letter
    letter = letter._replace(value=2 * value)
    assert outputs.fitting(letter) == outputs.shortened(letter)
