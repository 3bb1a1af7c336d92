"""A batch: a pure function of what was read, however the log is cut."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import events
from models.calendar import rfc3339
from models.errors import Reason
from rules.admission import ATTRIBUTE_BYTES_MAX
from rules.eras import ERAS_MAX
from rules.reduce import Reducer, Reduction
from streams import batch, outputs
from streams.batch import EVENT_BYTES_MAX, Batch, Result
from streams.errors import Halt
from streams.jobs.replay import Replay
from streams.ledger import DIGEST_MOD, START, Ledger, state_digest
from streams.log.port import Record
from streams.marks import MARK_HEADER
from streams.store import keys
from streams.topics import DEAD_LETTER_SUFFIX, LOG, TIER_CHANGED, TIER_CURRENT
from tests.rules.driving import activation, book
from tests.simulation.history import history

NOW = 1_730_000_000
DEAD = LOG + DEAD_LETTER_SUFFIX
BEGUN = Ledger(msgspec.structs.replace(START, partitions=1))


def record(offset: int, key: bytes | None, value: bytes, mark: str | None = None) -> Record:
    headers = () if mark is None else ((MARK_HEADER, mark.encode()),)
    return Record(offset, NOW, key, value, headers)


def purchase(number: int, currency: str = "EUR") -> bytes:
    return events.encode(
        events.Purchase(
            event_id=f"e{number}", source="shop", occurred_at=NOW, order_id="o",
            net_amount_minor=20_000, currency=currency,
        )
    )  # fmt: skip


def profile(number: int, **patch: str) -> bytes:
    return events.encode(
        events.Profile(event_id=f"e{number}", source="crm", occurred_at=NOW, patch=patch)
    )


def computed(*records: Record, ledger: Ledger = BEGUN) -> Result:
    return Batch("test", 0, 1, ledger, records, records[-1].offset + 1).compute({})


TICK = record(0, None, events.encode(events.Tick(t=NOW)))
BOOK = record(1, None, events.encode(activation(0, book())))


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 30))
def test_cuts_change_nothing(seed: int, one: int, other: int) -> None:
    log = [
        Record(offset, NOW, entry.key, entry.value, entry.headers)
        for offset, entry in enumerate(history(Random(seed), 20))
    ]
    ends = []
    for size in (one, other):
        replay = Replay("test", 0, 2)
        for first in range(0, len(log), size):
            chunk = log[first : first + size]
            replay.take(chunk, chunk[-1].offset + 1)
        replay.settle()
        ends.append((replay.states, replay.ledger.position.states, replay.ledger.position.outputs))
    assert ends[0] == ends[1]


def test_a_batch_ends_early_where_states_are_large_and_the_cut_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = [record(i + 2, name, purchase(i)) for i, name in enumerate([b"anna", b"ben"] * 10)]
    ends = []
    for bound in (batch.READ_BYTES_MAX, 500):
        monkeypatch.setattr(batch, "READ_BYTES_MAX", bound)
        replay = Replay("test", 0, 1)
        cuts = [result.taken for result in replay.take([TICK, BOOK, *records], 22)]
        ends.append((replay.states, replay.ledger.position, len(cuts)))
    (*usual, one), (*cut, several) = ends
    assert usual == cut
    assert (one, several > 3) == (1, True)


def test_states_come_first_and_the_digests_follow() -> None:
    result = computed(TICK, BOOK, record(2, b"anna", purchase(1), "shop#1/0:7"))
    fields = result.fields
    assert next(iter(fields)) == keys.customer_field(b"anna")
    state = fields[keys.customer_field(b"anna")]
    assert result.ledger.position.states == f"{state_digest(b'anna', state):032x}"
    assert set(result.dues) == {b"anna"}


def test_what_is_told_is_counted_and_the_tier_is_told_twice() -> None:
    """As a change, and as what is so now."""
    result = computed(TICK, BOOK, record(2, b"anna", purchase(1)), record(3, b"ben", purchase(2)))
    (_, entries), *others = sorted(
        result.published.items(), key=lambda told: told[0] != TIER_CURRENT
    )
    assert [each.key for each in entries] == [b"anna", b"ben"]
    ids = [dict(each.headers)["ce_id"].decode() for _, told in others for each in told]
    assert sorted(ids) == sorted(each.id for each in result.decisions)
    said = sum(int(each, 16) for each in ids) % DIGEST_MOD
    assert result.ledger.position.outputs == f"{said:032x}"


def test_the_digest_of_states_tells_whose_they_are() -> None:
    assert state_digest(b"anna", b"1") != state_digest(b"ben", b"1")


def test_marks_drop_what_ingress_sent_twice() -> None:
    once = record(2, b"anna", purchase(1, "USD"), "shop#1/0:7")
    twice = once._replace(offset=3)
    later = record(4, b"anna", purchase(2, "USD"), "shop#1/0:8")
    result = computed(TICK, BOOK, once, twice, later)
    assert result.reasons == [Reason.UNKNOWN_CURRENCY] * 2
    again = computed(twice._replace(offset=5), ledger=result.ledger)
    assert again.reasons == []
    assert again.ledger.position.next == 6


def test_marks_of_other_partitions_and_epochs_are_their_own() -> None:
    marks = ("shop#1/0:7", "shop#1/1:7", "shop#2/0:7", "desk#1/0:7")
    records = [record(i, b"anna", b"poison", mark) for i, mark in enumerate(marks)]
    assert computed(*records).reasons == [Reason.BAD_SCHEMA] * 4


def test_a_record_whose_rules_fail_is_set_aside_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is set aside once although ingress sent it twice; what stands around it is concluded."""
    reduce = Reducer.reduce

    def failing(*told: Any) -> Any:  # noqa: ANN401  # as it was called
        outcome = reduce(*told)
        if isinstance(outcome, Reduction) and told[3].event_id == "e2":
            message = "no such rule"
            raise LookupError(message)  # after the state was changed in place
        return outcome

    first, last = record(2, b"anna", purchase(1)), record(5, b"anna", purchase(3))
    bad = record(3, b"anna", purchase(2), "shop#1/0:7")
    without = computed(TICK, BOOK, first, last)
    monkeypatch.setattr(Reducer, "reduce", failing)
    result = computed(TICK, BOOK, first, bad, bad._replace(offset=4), last)
    assert result.reasons == [Reason.RULE_FAILED]
    (letter,) = result.published[DEAD]
    assert letter.value == bad.value
    assert dict(letter.headers)["dlq.at"] == rfc3339(NOW).encode()
    assert dict(letter.headers)["dlq.message"] == (
        b"LookupError while concluding this event: no such rule"
    )
    assert result.ledger.marks == {b"shop#1/0": 7}
    name = keys.customer_field(b"anna")
    assert result.fields[name] == without.fields[name]
    assert result.published[TIER_CHANGED] == without.published[TIER_CHANGED]


@pytest.mark.parametrize("excess", [0, 1])
def test_an_event_has_at_most_64_kib(excess: int) -> None:
    """Not one byte more: what a log leads to depends on its bytes, and on no broker's settings."""
    value = purchase(1) + b" " * (EVENT_BYTES_MAX + excess - len(purchase(1)))
    result = computed(TICK, BOOK, record(2, b"anna", value))
    assert result.reasons == [Reason.TOO_LARGE] * excess
    assert (keys.customer_field(b"anna") in result.fields) is not bool(excess)


@pytest.mark.parametrize("excess", [0, 1])
def test_an_attribute_has_at_most_1_kib_as_json(excess: int) -> None:
    note = "x" * (ATTRIBUTE_BYTES_MAX + excess - len('""'))
    result = computed(TICK, BOOK, record(2, b"anna", profile(1, note=note, city="York")))
    assert result.reasons == [Reason.TOO_LARGE] * excess
    assert (keys.customer_field(b"anna") in result.fields) is not bool(excess)
    for letter in result.published.get(DEAD, ()):
        assert dict(letter.headers)["dlq.message"] == (
            b"note is larger than 1024 bytes; keep a reference"
        )


def test_of_what_is_too_large_only_the_first_of_what_ingress_sent_twice_is_set_aside() -> None:
    once = record(2, b"anna", profile(1, note="x" * EVENT_BYTES_MAX), "shop#1/0:7")
    assert computed(TICK, BOOK, once, once._replace(offset=3)).reasons == [Reason.TOO_LARGE]


@pytest.mark.parametrize(
    "mark",
    [
        None,
        b"",
        b"x",
        b"a#1/0:",
        b"a#1/0:x",
        b"a#1/0:-1",
        b"a#1/0:" + b"9" * 20,
        b"\xff#1/0:1",
        b'"' * 600_000 + b"#1/0:1",
        b"a" * 600_000 + b"#1/0:1",
        b"a#1/" + b"0" * 600_000 + b":1",
    ],
)
def test_a_mark_that_is_none_of_ours_is_set_aside(mark: bytes | None) -> None:
    forged = Record(2, NOW, b"anna", purchase(1), ((MARK_HEADER, mark),))  # type: ignore[arg-type]
    result = computed(TICK, BOOK, forged, record(3, b"anna", purchase(2)))
    assert result.reasons == [Reason.BAD_SCHEMA]
    assert result.taken == 4
    assert not result.ledger.marks


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"x" * 513])
def test_a_key_that_names_nobody_is_set_aside(key: bytes | None) -> None:
    result = computed(TICK, BOOK, record(2, key, purchase(1)))
    assert result.reasons == [Reason.NO_CUSTOMER]
    assert not result.dues


def test_whatever_a_record_makes_fail_it_is_set_aside_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("broken")

    monkeypatch.setattr(Reducer, "reduce", fail)
    assert computed(TICK, BOOK, record(2, b"anna", purchase(1))).reasons == [Reason.RULE_FAILED]


def test_where_an_output_cannot_be_written_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(outputs, "current", fail)
    result = computed(TICK, BOOK, record(2, b"anna", purchase(1)))
    assert (set(result.published), result.decisions) == ({DEAD}, [])
    assert keys.customer_field(b"anna") not in result.fields


def test_a_timer_that_fails_halts_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("broken")

    told = computed(TICK, BOOK, record(2, b"anna", purchase(1)))
    monkeypatch.setattr(Reducer, "fire_due", fail)
    batch = Batch("test", 0, 1, told.ledger, [], 3, [b"anna"])
    with pytest.raises(Halt, match="ZeroDivisionError while concluding customer 'anna'"):
        batch.compute({b"anna": told.fields[keys.customer_field(b"anna")]})


@pytest.mark.parametrize("method", ["reduce", "fire_due"])
def test_a_worker_without_memory_blames_nobody(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    told = computed(TICK, BOOK, record(2, b"anna", purchase(1)))
    monkeypatch.setattr(Reducer, method, fail)
    again = record(3, b"anna", purchase(2))
    batch = Batch("test", 0, 1, told.ledger, [again], 4, [b"anna"])
    with pytest.raises(MemoryError):  # another worker, or this one later, goes on from here
        batch.compute({b"anna": told.fields[keys.customer_field(b"anna")]})


def test_eras_wait_until_those_before_are_done_with() -> None:
    eras = [
        record(2 + i, None, events.encode(activation(1 + i, book(1 + i)))) for i in range(ERAS_MAX)
    ]
    result = computed(TICK, *eras, BOOK._replace(offset=90))
    assert result.taken == 1 + ERAS_MAX + 1  # the older one at the end has no effect
    following = record(91, None, events.encode(activation(50, book(50))), "control#1/0:50")
    waiting = computed(following, ledger=result.ledger)
    assert waiting.taken == 0
    assert waiting.ledger.position.next == 91
    seated = replace(waiting.ledger, eras=waiting.ledger.eras[-1:], slots=waiting.ledger.slots[-1:])
    taken = computed(following, ledger=seated)
    assert taken.taken == 1
    assert [era.number for era in taken.ledger.eras] == [ERAS_MAX, 50]
    assert len(set(taken.ledger.slots)) == 2


def test_a_bad_rulebook_is_set_aside_and_begins_no_era() -> None:
    result = computed(TICK, record(1, None, events.encode(activation(0, "tiers: none"))))
    assert result.reasons == [Reason.REFUSED]
    assert result.ledger.eras == ()


def test_the_clock_is_the_ticks_and_never_goes_back() -> None:
    ticks = [record(i, None, events.encode(events.Tick(t=t))) for i, t in
             enumerate((NOW - 100, NOW - 500, NOW + 900))]  # fmt: skip
    position = computed(*ticks).ledger.position
    assert position.now == NOW  # a tick ahead of its append time counts up to there
    assert position.first_tick == NOW - 100


def test_a_trace_is_handed_on() -> None:
    traced = record(2, b"anna", purchase(1))._replace(headers=(("traceparent", b"00-1-2-03"),))
    published = computed(TICK, BOOK, traced).published
    assert all(dict(e.headers)["traceparent"] == b"00-1-2-03" for e in published[TIER_CHANGED])


@pytest.mark.parametrize("trace", [None, b"0" * 65])
def test_a_trace_that_is_none_is_not(trace: bytes | None) -> None:
    headers = (("traceparent", trace),)
    traced = record(2, b"anna", purchase(1))._replace(headers=headers)  # type: ignore[arg-type]
    published = computed(TICK, BOOK, traced).published
    assert all("traceparent" not in dict(e.headers) for e in published[TIER_CHANGED])
