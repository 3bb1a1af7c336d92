"""Who takes part: each peer in the form that its own documentation shows, and how it is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deploy.local.jars import java_program
from tests.bench.peers.install import compiled, environment

TIERSTREAM = "tierstream"
QUIX = "quix"

_HEAP_MB = 1_536
_SLOW = 0.05
_FLINK_OPENS = ("java.base/java.util", "java.base/java.lang")  # its serializers look inside


@dataclass(frozen=True, slots=True)
class Entrant:
    """One way to run the job.

    `command` returns what to start, and first installs what that takes; None is Tierstream with so
    many `workers`. `share`: of the events; who would need minutes for all of them gets a part.
    """

    name: str
    kind: Literal["tierstream", "jvm", "python"]
    guarantee: Literal["exactly once", "at least once"]
    command: Callable[[], list[str]] | None
    workers: int = 1
    share: float = 1.0


def _java(peer: str, main: str, *arguments: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _FLINK_OPENS]
        program = [str(java_program()), f"-Xmx{_HEAP_MB}m", *opens]
        return [*program, "-cp", compiled(peer), main, *arguments]

    return command


def _kafka_streams(threads: int, store: str) -> Callable[[], list[str]]:
    return _java("kafka_streams", "KafkaStreamsJob", str(threads), store)


def _quix() -> list[str]:
    python = environment("quix", "quixstreams==3.28.1")
    return [str(python), "-m", "tests.bench.peers.quix_peer"]


def _bytewax() -> list[str]:
    python = environment("bytewax", "bytewax==0.21.1", "confluent-kafka==2.16.1")
    return [str(python), "-m", "tests.bench.peers.bytewax_peer"]


def _faust() -> list[str]:
    return [sys.executable, "-m", "tests.bench.peers.faust_peer", "worker", "--loglevel", "warn"]


def _naive() -> list[str]:
    return [sys.executable, "-m", "tests.bench.peers.naive_peer"]


ENTRANTS = (
    Entrant(TIERSTREAM, "tierstream", "exactly once", None),
    Entrant(f"{TIERSTREAM}-2", "tierstream", "exactly once", None, workers=2),
    Entrant("kafka-streams", "jvm", "exactly once", _kafka_streams(1, "rocksdb")),
    Entrant("kafka-streams-2", "jvm", "exactly once", _kafka_streams(2, "rocksdb")),
    Entrant("kafka-streams-memory", "jvm", "exactly once", _kafka_streams(2, "memory")),
    Entrant("flink", "jvm", "exactly once", _java("flink", "FlinkJob", "1")),
    Entrant("flink-2", "jvm", "exactly once", _java("flink", "FlinkJob", "2")),
    Entrant(QUIX, "python", "exactly once", _quix),
    Entrant("bytewax", "python", "at least once", _bytewax),
    Entrant("faust", "python", "at least once", _faust, share=_SLOW),
    Entrant("naive", "python", "at least once", _naive, share=_SLOW),
)
"""Flink's and Tierstream's states are in memory; Kafka Streams has both; Quix has RocksDB."""
