"""Latency: from the append of an event to the log until a consumer sees what follows from it.

An open loop appends events at a fixed rate, whatever the pipeline does, straight to the log; the
clock ticks every second, as in production. The append is the broker's time stamp of the event (in
whole milliseconds), the arrival is when a read-committed consumer in this process gets the output.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic, time
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from streams.log.feed import Feed, kafka_feed
from streams.log.port import BATCH_BYTES_MAX, Entry
from streams.settings import Role
from streams.topics import CHURN_RISK, LOG, SEGMENT_CHANGED, TIER_CHANGED
from tests.bench.deployment import BenchFailed, Deployment, Site
from tests.bench.logged import LogWriter
from tests.bench.meter import Meter, Stretch, stretch
from tests.bench.throughput import Size, Told, with_history
from tests.bench.verdict import verified
from tests.bench.workload import FIRST_DAY, ZONE, Happening, Shop

RATE = 5_000  # events a second

_SLOT_S = 0.01
_LEAD_S = 3  # appended, but not counted: connections open, code warms up
_LAST_S = 1.0  # the last outputs arrive
_BEHIND_S_MAX = 0.5
_SAMPLES_MIN = 500


class _Cause(msgspec.Struct):
    kind: str
    id: str


class _Output(msgspec.Struct):
    cause: _Cause


class _Appended(NamedTuple):
    """One batch of one partition: the events in it, and the broker's confirmation to come."""

    events: Sequence[str]
    confirmed: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from append to visible output, and the costs at this rate.

    `rate`: events appended a second. `samples`: outputs that an event caused in that time.
    """

    rate: float
    samples: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cost: Stretch


async def latency(site: Site, size: Size, told: Told, rate: int = RATE) -> Latency:
    """Measure at `rate` events a second for `size.latency_s` seconds."""
    async with site.deployment() as deployment:
        told("latency: filling the log")
        shop, writer = await with_history(deployment, size)
        names = [deployment.catalogue.name(t) for t in (TIER_CHANGED, CHURN_RISK, SEGMENT_CHANGED)]
        with deployment.worker(Role.CUSTOMERS) as worker:
            meter = Meter(deployment, [worker])
            await meter.reached(writer.sizes)
            reached = deployment.reached
            bootstrap = reached.settings.kafka.bootstrap
            async with kafka_feed(
                bootstrap, names, from_start=False, client=reached.client
            ) as feed:
                told(f"latency: {rate:,} events/s for {size.latency_s} s")
                begin = ZONE.start(FIRST_DAY + size.history_days)
                loop = OpenLoop(deployment, shop, writer, begin, rate)
                measured = await measured_latency(loop, meter, feed, size.latency_s)
        told(f"latency: p50 {measured.p50_ms:.0f} ms; checking what came out")
        await verified(deployment)
    return measured


async def measured_latency(loop: OpenLoop, meter: Meter, feed: Feed, seconds: int) -> Latency:
    """Let an open loop run for so long, and wait for what follows from it."""
    loop.prepare(_LEAD_S + seconds)
    arrivals: list[tuple[float, bytes]] = []
    listening = asyncio.create_task(_listen(feed, arrivals))
    try:
        async with loop.producer:
            await loop.run(range(_LEAD_S))
            begin = await meter.moment()
            began_s = monotonic()
            appended = await loop.run(range(_LEAD_S, _LEAD_S + seconds))
            took_s = monotonic() - began_s
            end = await meter.moment()
            await meter.reached(loop.writer.sizes)
            await asyncio.sleep(_LAST_S)
            if listening.done():
                listening.result()
    finally:
        listening.cancel()
    cost = stretch(begin, end, sum(end.positions) - sum(begin.positions))
    samples = await _samples(appended, arrivals)
    if len(samples) < _SAMPLES_MIN:
        raise BenchFailed(f"only {len(samples)} outputs arrived, too few for a percentile")
    return Latency(
        rate=sum(len(batch.events) for batch in appended) / took_s,
        samples=len(samples),
        p50_ms=percentile(samples, 0.5),
        p99_ms=percentile(samples, 0.99),
        p999_ms=percentile(samples, 0.999),
        cost=cost,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values, in rising order, reach.

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.99)
    (2, 4)
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


class OpenLoop:
    """Appends events on schedule: a batch a partition every `_SLOT_S`, a tick every second.

    `begin`: when in the shop's time the first second begins. `rate`: events a second.
    """

    def __init__(
        self, deployment: Deployment, shop: Shop, writer: LogWriter, begin: int, rate: int
    ) -> None:
        settings = deployment.settings
        self.producer = AIOKafkaProducer(
            **settings.kafka.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
        )
        self._topic = deployment.catalogue.name(LOG)
        self._shop = shop
        self.writer = writer
        self._begin = begin
        self._rate = rate
        self._seconds: list[list[list[Happening]]] = []

    def prepare(self, seconds: int) -> None:
        """Make the events of all slots before the first one is sent."""
        slots, each = round(1 / _SLOT_S), round(self._rate * _SLOT_S)
        for second in range(self._begin, self._begin + seconds):
            events = self._shop.between(self._shop.by_habit(slots * each), second, second + 1)
            self._seconds.append([events[n * each : (n + 1) * each] for n in range(slots)])
        gc.collect()
        gc.freeze()  # what was made is not to be searched again and again while we measure

    async def run(self, seconds: range) -> list[_Appended]:
        """Append what happens in these seconds, each slot at its time.

        Raises BenchFailed where this process cannot keep up with its own schedule.
        """
        appended: list[_Appended] = []
        due_s = monotonic()
        for second in seconds:
            await self.writer.tick(self._begin + second)
            waiting: list[Happening] = []
            for slot in self._seconds[second]:
                await asyncio.sleep(due_s - monotonic())
                if monotonic() - due_s > _BEHIND_S_MAX:
                    raise BenchFailed(
                        f"this machine is too busy to append {self._rate:,} events/s on schedule"
                    )
                due_s += _SLOT_S
                waiting += slot
                if monotonic() < due_s:  # else the next slot's events may as well go with these
                    appended += await self._append(waiting)
                    waiting = []
            appended += await self._append(waiting)
        return appended

    async def _append(self, slot: Sequence[Happening]) -> list[_Appended]:
        appended = []
        for number, entries in enumerate(self.writer.entries(slot)):
            if entries:
                confirmed = await self._send(number, entries)
                events = [each.event.event_id for each in slot if each.partition == number]
                appended.append(_Appended(events, confirmed))
        return appended

    async def _send(self, number: int, entries: Sequence[Entry]) -> asyncio.Future[Any]:
        batch = self.producer.create_batch()
        for key, value, headers in entries:
            added = batch.append(timestamp=None, key=key, value=value, headers=list(headers))
            assert added is not None, "a batch has no room for half a second's events"
        self.writer.sizes[number] += len(entries)
        confirmed: asyncio.Future[Any] = await self.producer.send_batch(
            batch, self._topic, partition=number
        )
        return confirmed


async def _listen(feed: Feed, arrivals: list[tuple[float, bytes]]) -> None:
    """Note what arrives, and when; look into it later."""
    while True:
        items = await feed.take()
        at_s = time()
        arrivals += [(at_s, item.record.value) for item in items if item.record.value]


async def _samples(
    appended: Sequence[_Appended], arrivals: Sequence[tuple[float, bytes]]
) -> list[float]:
    """Return milliseconds from append to arrival of all outputs that an event caused, in order."""
    appended_ms: dict[str, int] = {}
    for events, confirmed in appended:
        appended_ms |= dict.fromkeys(events, (await confirmed).timestamp)
    decode = msgspec.json.Decoder(_Output).decode
    samples = []
    for at_s, value in arrivals:
        cause = decode(value).cause
        if cause.kind == "event" and cause.id in appended_ms:
            samples.append(at_s * 1_000 - appended_ms[cause.id])
    return sorted(samples)
