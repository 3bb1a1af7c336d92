"""Every metric, once: its name, unit, help, and what to be alarmed by.

Updated once a batch, never once a record, and labelled only with what is bounded: partitions,
topics, reasons. Customers never appear.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection, Mapping, Sequence

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from models.churn_live import Realised
from models.decisions import AnyDecision
from models.errors import Reason
from streams.flaps import FLAP_DAYS, Flaps, moves

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_TAKEOVER_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
_PARTITION = ("partition",)


class Metrics:
    """The metrics of one process. Implements what the partition, ingress and the ticker tell."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began helps nobody
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, text: str, labels: Sequence[str]) -> Counter:
            return Counter(f"tierstream_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
            return Gauge(f"tierstream_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, buckets: Sequence[float], labels: Sequence[str] = _PARTITION
        ) -> Histogram:
            return Histogram(f"tierstream_{name}", text, labels, buckets=buckets, registry=registry)

        self._records = counter("records_total", "Log records whose effects are out.", _PARTITION)
        self._batch_records = histogram("batch_records", "Records in a transaction.", _RECORDS)
        self._batch_seconds = histogram(
            "batch_seconds",
            "Time of a batch, from reading its states to writing them. Alarm: p99 above 1 s.",
            _SECONDS,
        )
        self._outputs = counter("outputs_total", "Events published.", ("topic",))
        self._flapped = counter(
            "flaps_total",
            f"Customers back in a tier, band or category within {FLAP_DAYS} days of leaving it. "
            "Alarm: more than a tenth of a rule's changes; give it hysteresis, grace or a stay.",
            ("rule",),
        )
        self._dead_letters = counter(
            "dead_letters_total",
            "Records set aside. Alarm: a rate above one in a hundred of the records.",
            ("topic", "reason"),
        )
        self._timers = counter(
            "timers_total", "Customers concluded by time rather than by an event.", _PARTITION
        )
        self._takeovers = histogram(
            "takeover_seconds",
            "Time from asking for a partition to owning it. Alarm: p99 above 60 s.",
            _TAKEOVER_SECONDS,
        )
        self._restored = counter(
            "restored_records_total", "Changelog records applied in take-overs.", _PARTITION
        )
        self._rebuilds = counter(
            "rebuilds_total",
            "Views wiped and rebuilt from the changelog. Alarm: any without a known store loss.",
            _PARTITION,
        )
        self._doubts = counter(
            "doubts_total",
            "Batches given up and taken over again. Alarm: more than one a minute.",
            ("partition", "reason"),
        )
        self._fenced = counter(
            "fenced_writes_total", "Writes refused because a newer owner exists.", _PARTITION
        )
        self._halted = gauge(
            "halted", "1 where a partition waits for a person. Alarm: any.", ("topic", "partition")
        )
        self._lag = gauge(
            "lag_records",
            "Offsets not processed yet. Alarm: growing for five minutes.",
            ("topic", "partition"),
        )
        self._position = gauge("position", "The next log offset to process.", _PARTITION)
        self._settled = gauge(
            "settled", "1 where nothing is left to do at the partition's clock.", _PARTITION
        )
        self._clock = gauge(
            "clock_timestamp_seconds",
            "The partition's clock, since 1970. Alarm: ten minutes behind.",
            _PARTITION,
        )
        self._clock_held = gauge(
            "clock_held",
            "1 where the clock stands still because of this source. Alarm: for ten minutes.",
            ("partition", "source"),
        )
        self._rebalances = counter("rebalances_total", "Assignments of partitions.", ())
        self._assigned = gauge("assigned_partitions", "Partitions assigned to this worker.")
        self._ingested = counter("ingested_records_total", "Accepted source records.", ("topic",))
        self._ingest_seconds = histogram(
            "ingest_seconds", "Time of a batch of source records.", _SECONDS, ("topic",)
        )
        self._unknown_fields = counter(
            "unknown_fields_total", "Accepted records with fields nobody knows.", ("topic",)
        )
        self._deleted_unread = counter(
            "deleted_unread_records_total",
            "Source records that retention deleted before they were taken. Alarm: any.",
            ("topic",),
        )
        self._churn_version = gauge(
            "churn_model_version",
            "Version of the churn model in force; 0: the default.",
            _PARTITION,
        )
        self._churn_age = gauge(
            "churn_model_age_seconds", "Time since the churn model was activated.", _PARTITION
        )
        self._churn_predicted = gauge(
            "churn_predicted_ratio",
            "Churn rate that the model gives a sample of customers for one horizon ago.",
            _PARTITION,
        )
        self._churn_realised = gauge(
            "churn_realised_ratio", "Churn rate of that sample since then.", _PARTITION
        )
        self._churn_drift = gauge(
            "churn_drift",
            "Predicted less realised churn rate. Alarm: its average over all partitions beyond "
            "0.05 either way for a week.",
            _PARTITION,
        )
        self._holders: dict[int, str] = {}
        self._flaps = Flaps()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        """A batch was committed, with the number of outputs by topic."""
        label = str(partition)
        self._records.labels(label).inc(records)
        self._batch_records.labels(label).observe(records)
        self._batch_seconds.labels(label).observe(seconds)
        for topic, count in outputs.items():
            self._outputs.labels(topic).inc(count)

    def published(self, decisions: Sequence[AnyDecision]) -> None:
        """A batch's outputs are out."""
        for rule, count in self._flaps.take(moves(decisions)).items():
            self._flapped.labels(rule).inc(count)

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        """The partition was taken over; `restored` records were applied to the store."""
        label = str(partition)
        self._takeovers.labels(label).observe(seconds)
        self._restored.labels(label).inc(restored)
        self._rebuilds.labels(label).inc(int(wiped))

    def doubted(self, partition: int, reason: str) -> None:
        """What we held could not be trusted any more."""
        self._doubts.labels(str(partition), reason).inc()
        if reason == "Fenced":
            self._fenced.labels(str(partition)).inc()

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:  # noqa: ARG002
        """Records of the log were set aside."""
        for reason, count in Tally(reasons).items():
            self._dead_letters.labels("log", reason).inc(count)

    def timers(self, partition: int, fired: int) -> None:
        """Customers were concluded although no record was about them."""
        self._timers.labels(str(partition)).inc(fired)

    def standing(self, partition: int, position: int, now: int | None, *, settled: bool) -> None:
        """Where a partition stands after a batch; `now` is its clock."""
        label = str(partition)
        self._position.labels(label).set(position)
        self._settled.labels(label).set(settled)
        if now is not None:
            self._clock.labels(label).set(now)

    def halted(self, topic: str, partition: int) -> None:
        """A partition waits for a person."""
        self._halted.labels(topic, str(partition)).set(1)

    def assigned(self, partitions: Collection[tuple[str, int]]) -> None:
        """The group gave this worker partitions; earlier ones are not its own any more."""
        self._rebalances.inc()
        self._assigned.set(len(partitions))
        self._halted.clear()
        for each in (
            *(self._position, self._settled, self._clock, self._clock_held, self._lag),
            *(self._churn_version, self._churn_age),
            *(self._churn_predicted, self._churn_realised, self._churn_drift),
        ):
            each.clear()  # the gauges of a partition belong to its owner
        self._holders.clear()

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How many offsets of a partition are not processed yet."""
        self._lag.labels(topic, str(partition)).set(records)

    def clock_held(self, partition: int, source: str | None) -> None:
        """The clock stands still because of `source`; None: it goes on."""
        label, holder = str(partition), self._holders.pop(partition, None)
        if holder is not None and holder != source:
            self._clock_held.labels(label, holder).set(0)
        if source is not None:
            self._clock_held.labels(label, source).set(1)
            self._holders[partition] = source

    def churn_model(self, partition: int, version: int, age_s: int | None) -> None:
        """Which churn model is in force, and for how long; None: not known."""
        self._churn_version.labels(str(partition)).set(version)
        if age_s is not None:
            self._churn_age.labels(str(partition)).set(age_s)

    def churn_quality(self, partition: int, found: Realised) -> None:
        """What the churn model predicted for one horizon ago, and what came."""
        label = str(partition)
        self._churn_predicted.labels(label).set(found.predicted)
        self._churn_realised.labels(label).set(found.realised)
        self._churn_drift.labels(label).set(found.drift)

    def ingested(self, topic: str, accepted: int, seconds: float) -> None:
        """A batch of a source topic stands in the log."""
        self._ingested.labels(topic).inc(accepted)
        self._ingest_seconds.labels(topic).observe(seconds)

    def refused(self, topic: str, reason: Reason, count: int) -> None:
        """Source records became dead letters."""
        self._dead_letters.labels(topic, reason).inc(count)

    def unknown_fields(self, topic: str, count: int) -> None:
        """Accepted records had fields that this version ignores."""
        self._unknown_fields.labels(topic).inc(count)

    def deleted_unread(self, topic: str, count: int) -> None:
        """Records of a source topic were deleted before they were taken."""
        self._deleted_unread.labels(topic).inc(count)
