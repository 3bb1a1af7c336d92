"""The demo's proof has to fail when something is wrong, and its sample must never change."""

import json
from hashlib import sha256
from typing import NoReturn

import msgspec
import pytest

from deploy.demo import __main__ as demo
from deploy.demo.audit import Audit
from deploy.demo.sample import GENERATED, sample_events
from deploy.local.errors import LocalError
from deploy.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from models.decisions import Cause, RulebookRef, SegmentChanged, encode
from models.wire import TOPICS, accept
from streams.jobs.publish import SourceEvent
from streams.ledger import START
from streams.log.feed import Item
from streams.log.port import Record
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from streams.topics import Catalogue

CATALOGUE = Catalogue("", 1, 400, 30, 7)
SEGMENTS, LOG, STATE = "segment.changed.v1", "segment.log.v1", "segment.state.v1"


def record(value: bytes | None, key: bytes | None = b"c") -> Record:
    return Record(0, 0, key, value)


def change(identity: str, sequence: int, revision: int | None = None) -> Item:
    cause = Cause(kind="event", type="purchase", id="1", occurred_at="2011-01-01T00:00:00Z")
    said = SegmentChanged(
        id=identity * 32,
        customer_id="c",
        revision=sequence if revision is None else revision,
        sequence=sequence,
        previous_id=None,
        occurred_at="2011-01-01T00:00:00Z",
        cause=cause,
        rulebook=RulebookRef("retail", 1, ""),
        dimension="value",
        from_=None,
        to="high",
        added=("high",),
        removed=(),
        current=("high",),
        labels={},
    )
    return Item(SEGMENTS, 0, record(encode(said)))


@pytest.mark.parametrize(
    ("items", "duplicates", "missing"),
    [
        ([change("a", 1), change("b", 2)], 0, 0),
        ([change("a", 1), change("a", 1)], 1, 0),
        ([change("a", 1), change("b", 3)], 0, 1),
        ([change("b", 2), change("a", 1)], 0, 2),
        ([change("a", 1), change("b", 2, revision=3)], 0, 1),
    ],
)
async def test_repeats_and_gaps_are_counted(
    items: list[Item], duplicates: int, missing: int
) -> None:
    audit = Audit(CATALOGUE)
    audit.take(items)
    findings = await audit.findings(0, MemoryStore())
    assert (findings.duplicates, findings.missing) == (duplicates, missing)
    assert findings.changes == len(items)


async def test_an_event_that_reached_neither_log_nor_dead_letters_is_missing() -> None:
    audit = Audit(CATALOGUE)
    audit.take(
        [
            Item(LOG, 0, record(b"{}")),
            Item(LOG, 0, record(b"{}", key=None)),
            Item("customer.purchase.v1.dlq", 0, record(b"x")),
            Item("segment.log.v1.dlq", 0, record(b"{}")),
        ]
    )
    findings = await audit.findings(3, MemoryStore())
    assert (findings.missing, findings.dead_letters) == (1, 2)


async def test_every_field_that_differs_from_the_changelog_is_counted() -> None:
    audit, store = Audit(CATALOGUE), MemoryStore()
    position = msgspec.json.encode(START)
    audit.take([Item(STATE, 0, record(position, keys.POSITION))])
    audit.take([Item(STATE, 0, record(b"new", b"c:1")), Item(STATE, 0, record(b"two", b"c:2"))])
    await store.claim(0, "me")
    fields = {keys.POSITION: position, b"c:1": b"old", b"c:3": b"stray"}
    await store.apply(0, "me", 0, Step(3, 0, "origin", fields, {}))
    findings = await audit.findings(0, store)
    assert findings.differences == 3
    assert audit.position(0) == START


@pytest.fixture(scope="module")
def events() -> list[SourceEvent]:
    return sample_events()


def test_the_sample_is_the_same_in_every_run_and_all_of_it_is_accepted(
    events: list[SourceEvent],
) -> None:
    assert events == sample_events()
    assert len(events) == 25_063
    assert [event.occurred_at for event in events] == sorted(
        event.occurred_at or 0 for event in events
    )
    for event in events:
        accept(TOPICS[event.topic], event.key, event.value, (), offset=0)
    digest = sha256(b"\n".join(event.value for event in events)).hexdigest()
    assert digest.startswith("096508409a27616f")


def test_what_is_generated_says_so(events: list[SourceEvent]) -> None:
    sources = {event.topic: set[str]() for event in events}
    for event in sample_events(5_000):
        sources[event.topic].add(json.loads(event.value)["source"])
    assert sources == {
        "customer.purchase.v1": {"webshop"},
        "customer.feedback.v1": {GENERATED},
        "customer.complaint.v1": {GENERATED},
    }


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, "Starting Kafka and Valkey ..."),
        ({KAFKA_VARIABLE: "127.0.0.1:1"}, "Starting Valkey ..."),
        (
            {KAFKA_VARIABLE: "127.0.0.1:1", REDIS_VARIABLE: "redis://127.0.0.1:1"},
            "Using services of your own ...",
        ),
    ],
)
def test_only_what_is_started_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own: dict[str, str],
    said: str,
) -> None:
    def reached(_: str) -> NoReturn:
        raise LocalError("far enough", "Nothing.")

    for name in (KAFKA_VARIABLE, REDIS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo, "local_services", reached)
    assert demo.main(["--events", "1"]) != 0
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
