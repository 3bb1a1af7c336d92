"""The catalogue of topics, and what is found where a topic is not as it must be."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from streams.log import topic_admin
from streams.log.topic_admin import Shape
from streams.settings import Settings
from streams.settings import Topic as TopicSettings
from streams.topics import (
    CONTROL,
    LOG,
    OUTPUTS,
    SOURCES,
    STATE,
    TIER_CURRENT,
    Catalogue,
    Topic,
    create,
    differences,
)

CATALOGUE = Catalogue.of(Settings(partitions=8, topic=TopicSettings(prefix="shop.")))


def topic(name: str) -> Topic:
    return next(each for each in CATALOGUE.topics() if each.name == f"shop.{name}")


def test_every_topic_is_named_once_and_prefixed() -> None:
    names = [each.name for each in CATALOGUE.topics()]
    assert len(names) == len(set(names))
    assert all(name.startswith("shop.") for name in names)


def test_the_log_and_the_changelog_have_the_partition_count() -> None:
    assert topic(LOG).partitions == topic(STATE).partitions == 8


def test_the_partitions_of_a_source_are_its_owners_affair() -> None:
    assert differences(topic(SOURCES[0]), Shape(3, 1), {"cleanup.policy": "delete"}) == []


def test_every_source_has_a_dead_letter_topic_for_twice_its_record_size() -> None:
    for source in SOURCES:
        letters = topic(f"{source}.dlq")
        assert int(letters.config["max.message.bytes"]) == 2 * 1_048_588


def test_a_topic_made_from_the_catalogue_is_as_it_must_be() -> None:
    for each in CATALOGUE.topics():
        assert differences(each, Shape(each.partitions_made, 1), each.config) == []


def test_a_wrong_partition_count_is_named_with_the_mend() -> None:
    (finding,) = differences(topic(LOG), Shape(4, 1), topic(LOG).config)
    assert str(finding).startswith("shop.segment.log.v1: has 4 partitions instead of 8; ")
    assert "TIERSTREAM_PARTITIONS=4" in finding.mend
    assert finding.bars


@pytest.mark.parametrize(
    ("name", "key", "value", "allowed"),
    [
        (LOG, "message.timestamp.type", "CreateTime", False),
        (LOG, "cleanup.policy", "compact", False),
        (LOG, "retention.ms", "86400000", False),
        (LOG, "retention.ms", str(500 * 86_400_000), True),
        (LOG, "retention.ms", "-1", True),
        (STATE, "cleanup.policy", "delete", False),
        (STATE, "delete.retention.ms", "86400000", False),
        (STATE, "segment.bytes", str(16 << 20), True),
        (STATE, "segment.bytes", str(1 << 30), False),
        *((name, "max.compaction.lag.ms", str(2**63 - 1), False) for name in (STATE, TIER_CURRENT)),
        ("segment.control.v1", "retention.ms", str(500 * 86_400_000), False),
        *(
            (name, "retention.bytes", str(1 << 40), False)
            for name in (LOG, CONTROL, STATE, TIER_CURRENT, *OUTPUTS)
        ),
        *(
            (name, key, value, False)
            for name in (LOG, CONTROL, STATE, TIER_CURRENT, *OUTPUTS)
            for key, value in (
                ("unclean.leader.election.enable", "true"),
                ("max.message.bytes", "1000000"),
            )
        ),
        (STATE, "max.message.bytes", "2000000", True),
        (SOURCES[0], "unclean.leader.election.enable", "true", True),
        (f"{LOG}.dlq", "retention.bytes", str(1 << 40), True),
        (SOURCES[0], "retention.bytes", str(1 << 40), True),
        (SOURCES[0], "retention.ms", "86400000", True),
        (SOURCES[0], "cleanup.policy", "compact", False),
        (SOURCES[-1], "cleanup.policy", "compact,delete", False),
    ],
)
def test_configuration_may_be_more_careful_but_not_less(
    name: str, key: str, value: str, *, allowed: bool
) -> None:
    wanted = topic(name)
    findings = differences(wanted, Shape(wanted.partitions_made, 1), {**wanted.config, key: value})
    assert (findings == []) is allowed
    for finding in findings:
        assert not finding.bars
        assert f"{key}={value}" in finding.problem
        assert f"--add-config {key}={wanted.config[key]}" in finding.mend


@pytest.mark.parametrize(
    ("name", "replicas", "in_sync", "allowed"),
    [(LOG, 3, "1", False), (LOG, 3, "2", True), (LOG, 5, "3", True), (LOG, 1, "1", True),
     (STATE, 3, "1", False), (SOURCES[0], 3, "1", True)],
)  # fmt: skip
def test_of_three_replicas_two_have_to_confirm(
    name: str, replicas: int, in_sync: str, *, allowed: bool
) -> None:
    wanted = topic(name)
    config = {**wanted.config, "min.insync.replicas": in_sync}
    findings = differences(wanted, Shape(wanted.partitions_made, replicas), config)
    assert (findings == []) is allowed
    for finding in findings:
        assert "has min.insync.replicas=1 instead of at least 2" in finding.problem


def test_a_missing_configuration_entry_is_a_finding() -> None:
    config = dict(topic(LOG).config)
    del config["message.timestamp.type"]
    assert len(differences(topic(LOG), Shape(8, 1), config)) == 1


class _Brokers:
    """Two brokers, of which the second learns late what the controller made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.asked: Counter[int] = Counter()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return []

    async def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"node_id": 1}, {"node_id": 2}]}

    async def create_topics(self, asked_for: list[Any]) -> SimpleNamespace:
        self.made = [each.name for each in asked_for]
        return SimpleNamespace(topic_errors=[(name, 0, None) for name in self.made])

    async def _send_request_to_node(self, broker: int, _: object) -> SimpleNamespace:
        self.asked[broker] += 1
        known = self.made if broker == 1 or self.asked[broker] > 2 else []
        told = {"topics": [{"topic": name} for name in known]}
        return SimpleNamespace(to_object=lambda: told)


async def test_topics_are_made_once_every_broker_tells_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brokers = _Brokers()
    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", lambda **_: brokers)
    assert len(await create(Settings())) == len(Catalogue.of(Settings()).topics())
    assert brokers.asked == {1: 1, 2: 3}
