"""The verdict: what a run left behind, held against the oracle and against a replay of its log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from models.decisions import AnyDecision, encode
from rules.timers import look_at
from streams.jobs.replay import Replay
from streams.ledger import Position, state_digest
from streams.log.port import Record
from streams.store import keys
from streams.store.memory import Snapshot
from streams.takeover import head
from streams.topics import DEAD_LETTER_SUFFIX, LOG, OUTPUTS, STATE
from tests.simulation.brokers import Brokers
from tests.simulation.history import PARTITION, PARTITIONS
from tests.simulation.oracle import APP, truth

WRITER = f"{APP}-{PARTITION}"
_DIGESTS = 1 << 128


def position_of(brokers: Brokers) -> Position | None:
    """Return the newest position in the changelog."""
    records = brokers.stored(STATE, PARTITION).written
    newest = next((r for r in reversed(records) if r.key == keys.POSITION), None)
    return None if newest is None else msgspec.json.decode(newest.value or b"", type=Position)


def judge(brokers: Brokers, snapshot: Snapshot, random: Random) -> list[str]:
    """Return everything that is wrong; `random` cuts the log for the replay."""
    position, log = position_of(brokers), brokers.stored(LOG, PARTITION)
    if position is None or position.next != log.end or not position.settled:
        return [f"never settled: {position}"]
    if brokers.forgotten[WRITER]:
        return ["readers never see all that was committed"]
    history = log.written
    expected = truth(history)
    changelog = {r.key: r.value for r in brokers.stored(STATE, PARTITION).records}
    states = {
        customer: value
        for name, value in changelog.items()
        if name is not None
        and value is not None
        and (customer := keys.customer_of(name)) is not None
    }
    looks = {customer: look_at(customer, head(value).due) for customer, value in states.items()}
    dues = {customer: at for customer, at in looks.items() if at is not None}
    digest = sum(state_digest(c, value) for c, value in states.items()) % _DIGESTS
    letters = brokers.stored(LOG + DEAD_LETTER_SUFFIX, PARTITION).written
    sent, expected_sent = Counter(brokers.sent[WRITER]), Counter(expected.sent)
    if brokers.chance.seen["markers forgotten"] or brokers.chance.seen["abort forgotten"]:
        # Of what only the log shows nothing is known: its receivers know what repeats.
        sent &= expected_sent
    wrong = {
        "the clock differs": position.now != expected.now,
        "changelog differs from the oracle": states != expected.states,
        "store differs from the changelog": snapshot.fields != changelog,
        "the due index differs from the states": snapshot.dues != dues,
        "the digest of the states differs": position.states != f"{digest:032x}",
        "dead letters differ from the oracle": _set_aside(letters) != expected.set_aside,
        "what was sent to other customers differs": sent != expected_sent,
        "a replay differs": not _replays(history, position, random),
    }
    failures = [name for name, differs in wrong.items() if differs]
    return failures + _judge_outputs(brokers, expected.outputs, position)


def judge_halted(brokers: Brokers, taken: Sequence[Record]) -> list[str]:
    """Return everything that is wrong with what a partition left that waits for a person.

    `taken`: the log as it was before records were lost. What was said has to follow from its
    beginning; what falls due by itself need not have been said yet.
    """
    position = position_of(brokers)
    if position is None:
        return ["there is no position"]
    expected = truth([record for record in taken if record.offset < position.next])
    said, failures = _said(brokers)
    letters = brokers.stored(LOG + DEAD_LETTER_SUFFIX, PARTITION).written
    if position.now != expected.now:
        failures.append("the clock differs")
    if _set_aside(letters) != expected.set_aside:
        failures.append("dead letters differ from the oracle")
    for customer, values in said.items():
        if list(map(encode, expected.outputs.get(customer, [])))[: len(values)] != values:
            failures.append("outputs are not what the log's beginning leads to")
    return failures


def _set_aside(letters: Sequence[Record]) -> list[tuple[int, str]]:
    headers = [dict(letter.headers) for letter in letters]
    return [(int(h["dlq.offset"]), h["dlq.reason"].decode()) for h in headers]


def _replays(history: Sequence[Record], position: Position, random: Random) -> bool:
    """Tell whether the log alone, cut anywhere, leads to the digests of the position."""
    replay = Replay(APP, PARTITION, PARTITIONS)
    waiting = list(history)
    while waiting:
        size = random.randint(1, 20)
        chunk, waiting = waiting[:size], waiting[size:]
        replay.take(chunk, chunk[-1].offset + 1)
    replay.settle()
    reached = replay.ledger.position
    return (reached.states, reached.outputs) == (position.states, position.outputs)


def _judge_outputs(
    brokers: Brokers, expected: Mapping[bytes, list[AnyDecision]], position: Position
) -> list[str]:
    said, failures = _said(brokers)
    if said != {key: list(map(encode, decided)) for key, decided in expected.items()}:
        failures.append("outputs differ from the oracle")
    ids = [decision.id for decided in expected.values() for decision in decided]
    if position.outputs != f"{sum(int(i, 16) for i in ids) % _DIGESTS:032x}":
        failures.append("the digest of the outputs differs")
    return failures


def _said(brokers: Brokers) -> tuple[dict[bytes, list[bytes]], list[str]]:
    """Return each customer's outputs in order, and what is wrong with their ids and sequences."""
    failures: list[str] = []
    said: dict[bytes, list[tuple[int, bytes]]] = {}
    ids: list[str] = []
    for (topic, _), stored in brokers.topics.items():
        if topic not in OUTPUTS:
            continue
        sequences: dict[bytes, int] = {}
        for record in stored.written:
            key, value = record.key or b"", json.loads(record.value or b"{}")
            ids.append(value["id"])
            said.setdefault(key, []).append((value["revision"], record.value or b""))
            if value["sequence"] != sequences.get(key, 0) + 1:
                failures.append(f"broken sequence in {topic}")
            sequences[key] = value["sequence"]
    if len(ids) != len(set(ids)):
        failures.append("an output id appears twice")
    return {key: [value for _, value in sorted(values)] for key, values in said.items()}, failures
