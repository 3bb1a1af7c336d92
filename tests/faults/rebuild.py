"""How fast an empty store is filled again from the changelog, with a crowd of customers in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from statistics import median
from time import monotonic, sleep

from redis import Redis

from models.events import Purchase, encode
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.store import keys
from streams.topics import LOG
from tests.faults.row import CALM_S
from tests.faults.scene import PARTITIONS, Scene
from tests.faults.workers import RunFailed

_THOUSAND = 1_000
_AT_ONCE = 5_000
_TIMES = 3
_REBUILT_S_MAX = 60.0
_LOOK_EVERY_S = 0.005


async def rebuild(scene: Scene, times: int) -> None:
    """FLUSHALL with `times` thousand more customers in the store, three times.

    The rate counts from the first field that comes back to the last, over all partitions; what
    passes before, until the loss is noticed and the partition is taken over, is in the resume time.
    """
    crowd = _purchases(times * _THOUSAND, scene.feeder.now)
    while some := list(islice(crowd, _AT_ONCE)):
        await _logged(scene, some)
    await scene.resume()
    scene.resumed_s.clear()
    rates = []
    for _ in range(_TIMES):
        await scene.under_way(CALM_S)
        began = monotonic()
        states, seconds = await asyncio.to_thread(_refilled, scene)
        rates.append(states / seconds)
        scene.told(f"{states:,} fields came back in {seconds:.2f} s")
        await scene.resume(began)
    scene.figures["states_per_s"] = round(median(rates))


def _purchases(count: int, at: int) -> Iterator[Entry]:
    """Yield one purchase of each of so many customers who appear nowhere else.

    They stand in the log without ingress, as the strays of the load do, and are called like them.
    """
    for number in range(count):
        event = Purchase(
            event_id=f"crowd-{number}",
            source="crowd",
            occurred_at=at,
            order_id=f"crowd-{number}",
            net_amount_minor=number,
            currency="GBP",
        )
        yield Entry(b"stray-crowd-%d" % number, encode(event))


async def _logged(scene: Scene, entries: list[Entry]) -> None:
    log = scene.reached.catalogue.name(LOG)
    homes: list[list[Entry]] = [[] for _ in range(PARTITIONS)]
    for entry in entries:
        homes[partition_for(entry.key or b"", PARTITIONS)].append(entry)
    appends = [Append(log, number, home) for number, home in enumerate(homes) if home]
    await scene.reached.producer.deliver(appends)


def _refilled(scene: Scene) -> tuple[int, float]:
    """Wipe the store; return how many fields came back, and in how many seconds."""
    app = scene.settings.app
    hashes = [keys.hash_key(app, number) for number in range(PARTITIONS)]
    with Redis.from_url(scene.valkey.url) as redis:

        def fields() -> int:
            return sum(redis.hlen(name) for name in hashes)

        wanted = fields()
        redis.flushall()
        deadline_s, first_s = monotonic() + _REBUILT_S_MAX, 0.0
        while (count := fields()) < wanted:
            now_s = monotonic()
            # An owner's name comes back before any state does.
            first_s = first_s if first_s and count > PARTITIONS else now_s
            if now_s > deadline_s:
                raise RunFailed(f"{count:,} of {wanted:,} fields came back to the store in time")
            sleep(_LOOK_EVERY_S)
        return wanted, monotonic() - first_s
