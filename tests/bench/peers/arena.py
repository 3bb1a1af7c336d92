"""The arena: the events of the comparison on the broker, and what has to come out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.log.port import Append, Entry
from streams.settings import Settings
from streams.topics import LOG
from tests.bench.deployment import Deployment, Site
from tests.bench.logged import LogWriter
from tests.bench.peers.entrants import Entrant
from tests.bench.peers.reference import Reference
from tests.bench.throughput import Told
from tests.bench.workload import FIRST_DAY, Happening, Shop

OUTPUT = "peers.changed"

_RULEBOOK = Path(__file__).with_name("job.yaml")
_EVENTS_PER_CUSTOMER = 10
_DAYS = 28


@dataclass(frozen=True, slots=True)
class Arena:
    """Events in Tierstream's log, and the same ones in a topic for each share that peers get."""

    site: Site
    counts: Mapping[float, int]  # events by share
    reference: Reference

    def events(self, entrant: Entrant) -> int:
        """Return the number of events that an entrant gets."""
        return self.counts[entrant.share]

    def topic(self, entrant: Entrant) -> str:
        """Return the name, without prefix, of the topic that a peer reads."""
        return _topic(self.events(entrant))

    @asynccontextmanager
    async def ring(self) -> AsyncIterator[Deployment]:
        """Make everything for one run anew, but for the events."""
        kept = [LOG, *map(_topic, self.counts.values())]
        async with self.site.deployment(keep=kept) as deployment:
            await _create(deployment.settings, [OUTPUT])
            yield deployment


async def filled(site: Site, events: int, shares: Iterable[float], told: Told) -> Arena:
    """Write all events, and compute what has to come out."""
    counts = {share: round(events * share) for share in {1.0, *shares}}
    async with site.deployment() as deployment:
        settings, producer = deployment.settings, deployment.reached.producer
        await _create(settings, [_topic(count) for count in counts.values()])
        reference = Reference(settings.partitions)
        shop = Shop(max(1, events // _EVENTS_PER_CUSTOMER), settings.partitions)
        writer = LogWriter(producer, deployment.catalogue.name(LOG), settings.partitions)
        await writer.rulebook(_RULEBOOK.read_text())
        for begin, happenings in shop.days(shop.by_habit(events), FIRST_DAY, _DAYS):
            told(f"peers: {reference.events:,} of {events:,} events are written")
            for count in counts.values():
                part = happenings[: max(0, count - reference.events)]
                name = deployment.catalogue.name(_topic(count))
                await producer.deliver(_appends(name, part))
            await writer.days([(begin, happenings)])
            reference.take(happenings)
    return Arena(site, counts, reference)


def _topic(count: int) -> str:
    return f"peers.events-{count}"


def _appends(topic: str, happenings: Sequence[Happening]) -> list[Append]:
    places: dict[int, list[Entry]] = {}
    for happening in happenings:
        entry = Entry(happening.customer, happening.canonical())
        places.setdefault(happening.partition, []).append(entry)
    return [Append(topic, partition, entries) for partition, entries in places.items()]


async def _create(settings: Settings, names: Sequence[str]) -> None:
    """Make topics with as many partitions as the log has."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        topics = [NewTopic(settings.topic.prefix + n, settings.partitions, 1) for n in names]
        await admin.create_topics(topics)
    finally:
        await admin.close()
