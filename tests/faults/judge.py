"""The verdict on a run: what the log has to lead to, held against everything that came out.

One oracle for every fault. It reads all topics as any consumer would, works out what each source
record and each log record had to become, and counts what is lost, repeated or different.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from redis import Redis

from models.decisions import TierChanged, encode
from rules.timers import look_at
from streams import outputs
from streams.commands.common import Reach
from streams.ledger import Position, state_digest
from streams.log.feed import kafka_feed
from streams.log.port import Entry, Record
from streams.marks import MARK_HEADER
from streams.store import keys
from streams.takeover import head
from streams.topics import DEAD_LETTER_SUFFIX, LOG, OUTPUTS, STATE, TIER_CURRENT
from tests.faults.arrivals import judge_arrivals
from tests.faults.feeder import NO_EVENT
from tests.faults.findings import Findings
from tests.faults.twins import judge_twins
from tests.simulation.oracle import Truth, World, truth

_DIGESTS = 1 << 128

Place = tuple[str, int]
"""A topic, without prefix, and a partition."""


@dataclass(slots=True)
class Remains:
    """Everything that a run left behind: records by place, and the store's keys by partition."""

    records: dict[Place, list[Record]] = field(default_factory=lambda: defaultdict(list))
    fields: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    dues: dict[int, dict[bytes, int]] = field(default_factory=dict)

    def topic(self, name: str) -> Iterator[tuple[int, Record]]:
        """Yield a topic's records with their partitions, in order within each."""
        for (topic, partition), records in self.records.items():
            if topic == name:
                for record in records:
                    yield partition, record


async def judge(reached: Reach, findings: Findings) -> None:
    """Judge a deployment whose workers have ended, once it was settled."""
    remains = await collected(reached)
    judge_arrivals(remains.records, reached.settings.partitions, findings)
    judge_twins(_states(remains), findings)
    sent: list[tuple[int, Entry]] = []
    for partition in range(reached.settings.partitions):
        sent += _judge_partition(reached.settings.app, remains, partition, reached, findings)
    found = Counter(
        (partition, Entry(record.key, record.value, record.headers))
        for partition, record in remains.topic(LOG)
        if record.key is not None and not _bypasses(record)
    )
    findings.count("sent to other customers", sent, found)


def _states(remains: Remains) -> dict[bytes, bytes]:
    """Return every customer's newest state, as the changelog has it."""
    return {
        customer: record.value
        for _, record in remains.topic(STATE)
        if record.key is not None
        and record.value is not None
        and (customer := keys.customer_of(record.key)) is not None
    }


def _bypasses(record: Record) -> bool:
    """Tell whether a record came from ingress, or from the feeder past it."""
    marked = any(name == MARK_HEADER for name, _ in record.headers)
    return marked or b"stray" in (record.key or b"") or record.value == NO_EVENT


async def collected(reached: Reach) -> Remains:
    """Read every topic to its end, and the store."""
    remains, prefix = Remains(), reached.catalogue.prefix
    names = [topic.name for topic in reached.catalogue.topics()]
    ends = await reached.positions.ends(names)
    bootstrap = reached.settings.kafka.bootstrap
    async with kafka_feed(bootstrap, names, from_start=True, client=reached.client) as feed:
        while not await feed.has_reached(ends):
            for topic, partition, record in await feed.take():
                remains.records[topic.removeprefix(prefix), partition].append(record)
    app = reached.settings.app
    with Redis.from_url(reached.settings.redis.url) as redis:
        for partition in range(reached.settings.partitions):
            stored = dict(redis.hgetall(keys.hash_key(app, partition)))
            stored.pop(keys.META, None)
            remains.fields[partition] = stored
            scored = redis.zrange(keys.due_key(app, partition), 0, -1, withscores=True)
            remains.dues[partition] = {customer: int(at) for customer, at in scored}
    return remains


def _judge_partition(
    app: str, remains: Remains, partition: int, reached: Reach, findings: Findings
) -> list[tuple[int, Entry]]:
    """Judge one partition; return what it had to send to customers of others."""
    log = remains.records[LOG, partition]
    world = World(app, partition, reached.settings.partitions)
    expected = truth(log, world)
    changelog = {
        record.key: record.value
        for record in remains.records[STATE, partition]
        if record.key is not None and record.value is not None
    }
    states = {
        customer: value
        for name, value in changelog.items()
        if (customer := keys.customer_of(name)) is not None
    }
    where = f"partition {partition}"
    findings.compare(f"{where}: states in the changelog", expected.states, states)
    findings.compare(f"{where}: fields in the store", changelog, remains.fields[partition])
    looks = {customer: look_at(customer, head(value).due) for customer, value in states.items()}
    dues = {customer: at for customer, at in looks.items() if at is not None}
    findings.compare(f"{where}: due index", dues, remains.dues[partition])
    _judge_letters(remains, partition, expected, findings)
    ids = _judge_outputs(remains, partition, expected, findings)
    _judge_position(where, changelog, (expected, states, ids), log, findings)
    return expected.sent


def _judge_position(
    where: str,
    changelog: Mapping[bytes, bytes],
    found: tuple[Truth, Mapping[bytes, bytes], Sequence[str]],
    log: Sequence[Record],
    findings: Findings,
) -> None:
    expected, states, ids = found
    if keys.POSITION not in changelog:
        findings.differ(f"{where}: there is no position")
        return
    position = msgspec.json.decode(changelog[keys.POSITION], type=Position)
    behind = sum(record.offset >= position.next for record in log)
    if behind:
        findings.lose(f"{where}: {behind} records of the log are not processed", behind)
    elif not position.settled:
        findings.differ(f"{where}: it never settled")
    if position.now != expected.now:
        findings.differ(f"{where}: its clock is at {position.now} instead of {expected.now}")
    digest = sum(state_digest(customer, value) for customer, value in states.items()) % _DIGESTS
    if position.states != f"{digest:032x}":
        findings.differ(f"{where}: the digest of the states is not that of the states")
    said = sum(int(each, 16) for each in ids) % _DIGESTS
    if position.outputs != f"{said:032x}":
        findings.differ(f"{where}: the digest of the outputs is not that of the outputs")


def _judge_letters(remains: Remains, partition: int, expected: Truth, findings: Findings) -> None:
    """What the customers role set aside: by transactions, so exactly once."""
    headers = [
        dict(record.headers) for record in remains.records[LOG + DEAD_LETTER_SUFFIX, partition]
    ]
    found = Counter((int(each["dlq.offset"]), each["dlq.reason"].decode()) for each in headers)
    findings.count(f"partition {partition}: dead letters of the log", expected.set_aside, found)


def _judge_outputs(
    remains: Remains, partition: int, expected: Truth, findings: Findings
) -> list[str]:
    """Compare ids, values and sequences; return the ids that were published."""
    decided = [each for said in expected.outputs.values() for each in said]
    wanted = {(outputs.topic_of(each), each.id): encode(each) for each in decided}
    found: dict[tuple[str, str], bytes] = {}
    published: Counter[tuple[str, str]] = Counter()
    for topic in OUTPUTS:
        sequences: Counter[str] = Counter()
        for record in remains.records[topic, partition]:
            value = json.loads(record.value or b"{}")
            published[topic, value["id"]] += 1
            found[topic, value["id"]] = record.value or b""
            customer = (record.key or b"").decode()
            if value["sequence"] != sequences[customer] + 1:
                findings.differ(f"{topic}-{partition}: the sequence of {customer} is broken")
            sequences[customer] = value["sequence"]
            if dict(record.headers).get("ce_id") != value["id"].encode():
                findings.differ(f"{topic}-{partition}: a header names another id than its value")
    findings.count(f"partition {partition}: outputs", list(wanted), published)
    both = wanted.keys() & found.keys()
    findings.compare(
        f"partition {partition}: values of outputs",
        {each: wanted[each] for each in both},
        {each: found[each] for each in both},
    )
    _judge_current(remains, partition, expected, findings)
    return [each for _, each in published.elements()]


def _judge_current(remains: Remains, partition: int, expected: Truth, findings: Findings) -> None:
    """The compacted topic holds, for each customer, what the newest tier change says."""
    wanted: dict[bytes, bytes] = {}
    for customer, said in expected.outputs.items():
        changes = [each for each in said if isinstance(each, TierChanged)]
        if changes:
            wanted[customer] = outputs.current(changes[-1]).value or b""
    found = {
        record.key or b"": record.value or b""
        for record in remains.records[TIER_CURRENT, partition]
    }
    findings.compare(f"partition {partition}: tiers as they are now", wanted, found)
