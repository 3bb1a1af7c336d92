"""The catalogue of topics: every name, partition count and configuration, made and checked here.

Topics are made by an explicit command, never by being written to. A worker compares what it finds
with the catalogue before it starts, and stops with every difference named: most of them (a second
partition count, compaction of the log, a producer's time stamps) would not fail, but quietly be
wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import Halt
from streams.log.topic_admin import Shape, administrator, configs_of, known, shapes_of
from streams.settings import Settings

LOG = "segment.log.v1"
STATE = "segment.state.v1"
CONTROL = "segment.control.v1"
TIER_CURRENT = "segment.tier-current.v1"
TIER_CHANGED = "segment.tier-changed.v1"
CHURN_RISK = "segment.churn-risk.v1"
SEGMENT_CHANGED = "segment.changed.v1"
TIER_WARNING = "segment.tier-warning.v1"
ACTION_REQUESTED = "segment.action-requested.v1"
OUTPUTS = (TIER_CHANGED, TIER_WARNING, CHURN_RISK, SEGMENT_CHANGED, ACTION_REQUESTED)
SOURCES = (
    "customer.purchase.v1",
    "customer.feedback.v1",
    "customer.complaint.v1",
    "customer.profile.v1",
    "customer.engagement.v1",
)
DEAD_LETTER_SUFFIX = ".dlq"

_DAY_MS = 86_400_000
_UNLIMITED = "-1"
_MESSAGE_BYTES_MAX = 1_048_588  # Kafka's own default of max.message.bytes
LETTER_BYTES_MAX = 2 * _MESSAGE_BYTES_MAX  # of a dead letter: a record and why it is there
_REPLICATION_MAX = 3
_UNCLEAN = "unclean.leader.election.enable"
_IN_SYNC = "min.insync.replicas"
_AT_LEAST = frozenset({"retention.ms", "delete.retention.ms", "max.message.bytes", _IN_SYNC})
_AT_MOST = frozenset({"segment.bytes", "min.cleanable.dirty.ratio", "max.compaction.lag.ms"})
_REPLACED_DAYS_MAX = 7  # how long a compacted topic may keep what newer records have replaced


class Topic(NamedTuple):
    """What a topic must be. `partitions` None: any; then `partitions_made` are made."""

    name: str
    partitions: int | None
    config: Mapping[str, str]
    partitions_made: int


class Finding(NamedTuple):
    """One difference between a topic and the catalogue, with the mend.

    `bars`: what a deployment holds cannot be asked for before this is mended.
    """

    topic: str
    problem: str
    mend: str
    bars: bool = False

    def __str__(self) -> str:
        return f"{self.topic}: {self.problem}; {self.mend}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The topics of one deployment."""

    prefix: str
    partitions: int
    log_retention_days: int
    output_retention_days: int
    delete_retention_days: int

    @classmethod
    def of(cls, settings: Settings) -> Catalogue:
        """Return the catalogue that the settings ask for."""
        topic = settings.topic
        return cls(
            topic.prefix,
            settings.partitions,
            topic.log_retention_days,
            topic.output_retention_days,
            topic.delete_retention_days,
        )

    def name(self, topic: str) -> str:
        """Return a topic's name in this deployment."""
        return self.prefix + topic

    @property
    def sources(self) -> tuple[str, ...]:
        """What ingress reads: the customers' topics and the control topic."""
        return tuple(map(self.name, (*SOURCES, CONTROL)))

    def topics(self) -> tuple[Topic, ...]:
        """Return everything that must exist."""
        made, days = self.partitions, _DAY_MS
        source = {"cleanup.policy": "delete"}  # compaction takes events away before they are read
        letters = source | {"max.message.bytes": str(LETTER_BYTES_MAX)}
        # Clusters have defaults: a bound of bytes would cut what is kept by days, an unclean leader
        # would lose what was confirmed, and what outgrows a record would halt its partition.
        own = {
            "retention.bytes": _UNLIMITED,
            _UNCLEAN: "false",
            "max.message.bytes": str(_MESSAGE_BYTES_MAX),
        }
        delete = source | own
        compact = own | {
            "cleanup.policy": "compact",
            "segment.bytes": str(64 << 20),
            "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": str(self.delete_retention_days * days),
            # Of a quiet partition, what an erasure replaced would else stay for as long as it is.
            "max.compaction.lag.ms": str(_REPLACED_DAYS_MAX * days),
        }
        log = delete | {
            "retention.ms": str(self.log_retention_days * days),
            "message.timestamp.type": "LogAppendTime",
        }
        output = delete | {"retention.ms": str(self.output_retention_days * days)}
        return (
            *(Topic(self.name(name), None, source, made) for name in SOURCES),
            Topic(self.name(CONTROL), 1, delete | {"retention.ms": _UNLIMITED}, 1),
            Topic(self.name(LOG), made, log, made),
            Topic(self.name(STATE), made, compact, made),
            *(Topic(self.name(name), made, output, made) for name in OUTPUTS),
            Topic(self.name(TIER_CURRENT), made, compact, made),
            *(
                Topic(self.name(name) + DEAD_LETTER_SUFFIX, None, letters, made)
                for name in (*SOURCES, CONTROL, LOG)
            ),
        )


async def create(settings: Settings) -> list[str]:
    """Make the topics that are missing; return their names. What is there is left as it is.

    When it returns, the brokers know them.
    Raises Unavailable where the broker does not answer, Halt where it refuses.
    """
    async with administrator(settings) as admin:
        existing = set(await admin.list_topics())
        brokers = len((await admin.describe_cluster())["brokers"])
        replication = settings.topic.replication or min(_REPLICATION_MAX, brokers)
        missing = [each for each in Catalogue.of(settings).topics() if each.name not in existing]
        common = {
            _IN_SYNC: str(max(1, replication - 1)),
            _UNCLEAN: "false",
        }
        made = [
            NewTopic(
                each.name,
                each.partitions_made,
                replication,
                topic_configs={**common, **each.config},
            )
            for each in missing
        ]
        if made:
            _raise_refusals((await admin.create_topics(made)).topic_errors)
            await known(admin, {each.name for each in missing})
    return [each.name for each in missing]


async def check(settings: Settings) -> list[Finding]:
    """Compare the cluster with the catalogue; an empty list means that all is well.

    Raises Unavailable where the broker does not answer.
    """
    topics = Catalogue.of(settings).topics()
    async with administrator(settings) as admin:
        shapes = await shapes_of(admin)
        present = [topic for topic in topics if topic.name in shapes]
        configs = await configs_of(admin, [topic.name for topic in present])
    findings = [_missing(topic) for topic in topics if topic.name not in shapes]
    for topic in present:
        findings += differences(topic, shapes[topic.name], configs[topic.name])
    return findings


async def check_log(settings: Settings) -> Finding | None:
    """Compare only the log's partition count with the catalogue; None means that it is right.

    Who takes another count for the log's reads a part of the customers for all of them.
    Raises Unavailable where the broker does not answer.
    """
    catalogue = Catalogue.of(settings)
    log = next(each for each in catalogue.topics() if each.name == catalogue.name(LOG))
    async with administrator(settings) as admin:
        shapes = await shapes_of(admin)
    if log.name not in shapes:
        return _missing(log)
    return next(iter(differences(log._replace(config={}), shapes[log.name], {})), None)


def differences(topic: Topic, shape: Shape, config: Mapping[str, str]) -> list[Finding]:
    """Compare one topic's partition count and configuration with what they must be."""
    findings, (partitions, replicas) = [], shape
    required = dict(topic.config)
    if _UNCLEAN in required and replicas >= _REPLICATION_MAX:
        required[_IN_SYNC] = "2"  # a confirmed record outlives the broker that leads
    if topic.partitions not in {None, partitions}:
        findings.append(
            Finding(
                topic.name,
                f"has {partitions} partitions instead of {topic.partitions}",
                f"set TIERSTREAM_PARTITIONS={partitions} if that is the count it was made with, "
                "or delete the topic while it is empty and run `tierstream topics create`",
                bars=True,
            )
        )
    for key, wanted in required.items():
        found = config.get(key)
        if found is None or not _satisfies(key, found, wanted):
            bound = "at least " if key in _AT_LEAST else "at most " if key in _AT_MOST else ""
            findings.append(
                Finding(
                    topic.name,
                    f"has {key}={found} instead of {bound}{wanted}",
                    f"set it with `kafka-configs.sh --alter --entity-type topics --entity-name "
                    f"{topic.name} --add-config {key}={wanted}`",
                )
            )
    return findings


def _missing(topic: Topic) -> Finding:
    return Finding(topic.name, "does not exist", "run `tierstream topics create`", bars=True)


def _satisfies(key: str, found: str, wanted: str) -> bool:
    if key in _AT_LEAST:
        return found == _UNLIMITED or (wanted != _UNLIMITED and int(found) >= int(wanted))
    if key in _AT_MOST:
        return float(found) <= float(wanted)
    return found == wanted


def _raise_refusals(errors: Iterable[Sequence[Any]]) -> None:
    refusals = [
        f"{name}: {message or for_code(code).__name__}"
        for name, code, message in errors
        if code not in {0, TopicAlreadyExistsError.errno}
    ]
    if refusals:
        raise Halt(
            "the broker refused to create topics:\n" + "\n".join(refusals) + "\nFewer brokers than "
            "replicas? Then set TIERSTREAM_TOPIC_REPLICATION. No permission? Then grant Create."
        )
