"""A deployment under load whose parts can be killed, frozen and wiped one by one."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import NamedTuple, TypeVar

import msgspec
from redis import Redis as RedisClient

from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey
from rules import catalog
from rules.compiler.compile import compile_book
from streams import topics
from streams.commands.common import Reach, reach
from streams.commands.ruling import activation
from streams.errors import Unavailable
from streams.ledger import Position
from streams.log.port import Append, Entry
from streams.log.positions import SourcePartition
from streams.settings import Group, Redis, Role, Settings, Topic
from streams.settings import Kafka as KafkaSettings
from streams.store import keys
from streams.topics import CONTROL, LOG
from tests.faults.feeder import Feeder
from tests.faults.happenings import PURCHASES, Happenings
from tests.faults.workers import RunFailed, Worker

PARTITIONS = 4
SESSION_S = 6.0
_HEARTBEAT_S = 1.5
_CUSTOMERS = 1_500
_RESUME_S_MAX = 60.0
_SETTLE_S_MAX = 90.0
_STOP_S = 20.0
_ANSWER_S_MAX = 60.0
_LOOK_EVERY_S = 0.05
_SUPERVISE_EVERY_S = 0.1

_T = TypeVar("_T")


# What the rulebook of the runs has beside that of the catalogue.
_KEEP = re.compile(r"^      keep: .*$", re.MULTILINE)
_MORE = """
lifecycle: {new_for: 30d, loyal: "orders(days=365) >= frequent_orders", churned_after: 180d}
groups:
  worried: "tier == 'gold' and open_complaints() > 0"
policies:
  golden_desk: {while: "tier == 'gold'"}
actions:
  visit: {every: 30d, valid_for: 9d, while: "segment.buyer_habit == 'frequent'"}
  win_back: {when: "entered(lifecycle, 'churned')", cooldown: 60d, valid_for: 14d}
  apology: {when: "happened('complaint')", valid_for: 2d, cooldown: 7d}
"""


class Load(NamedTuple):
    """What is written while things break; `poison_share` of it is bad."""

    seed: int
    events_per_s: float
    poison_share: float


@dataclass(slots=True)
class Scene:
    """A running deployment, and how long it took to go on after each fault (seconds)."""

    kafka: Kafka
    valkey: Valkey
    reached: Reach
    feeder: Feeder
    chance: Random
    folder: Path
    told: Callable[[str], None]
    workers: dict[str, Worker] = field(default_factory=dict)
    resumed_s: list[float] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What the deployment runs with."""
        return self.reached.settings

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point a Tierstream program at this deployment."""
        settings, group = self.settings, self.settings.group
        return {
            "TIERSTREAM_APP": settings.app,
            "TIERSTREAM_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
            "TIERSTREAM_REDIS_URL": settings.redis.url,
            "TIERSTREAM_TOPIC_PREFIX": settings.topic.prefix,
            "TIERSTREAM_PARTITIONS": str(settings.partitions),
            "TIERSTREAM_GROUP_SESSION_TIMEOUT_S": f"{group.session_timeout_s:g}",
            "TIERSTREAM_GROUP_HEARTBEAT_INTERVAL_S": f"{group.heartbeat_interval_s:g}",
            "TIERSTREAM_TICKER": "off",
        }

    def worker(self, role: Role, name: str, *, is_static: bool = True) -> Worker:
        """Return a worker by its name; the first call makes it. It is not started."""
        if name not in self.workers:
            instance = {"TIERSTREAM_GROUP_INSTANCE_ID": name} if is_static else {}
            self.workers[name] = Worker(role, name, self.variables | instance, self.folder)
        return self.workers[name]

    async def under_way(self, seconds: float) -> None:
        """Let the load go on for about so long; the exact moment of a fault is left to chance."""
        await asyncio.sleep(seconds * self.chance.uniform(0.5, 1.5))

    async def resume(self, began: float | None = None) -> None:
        """Wait until all that is published by now is processed, and something that came later.

        How long that took is noted.
        `began`: since when to count, by the monotonic clock; from now on where it is not given.
        """
        since = monotonic() if began is None else began
        await self._caught_up(_RESUME_S_MAX, beyond=1)
        self.resumed_s.append(monotonic() - since)
        self.told(f"went on after {self.resumed_s[-1]:.1f} s")

    async def activate(self, version: int) -> None:
        """Put the retail rulebook into force with other bounds, grace, policies and actions."""
        text = catalog.text("retail").replace("version: 1", f"version: {version}", 1)
        text = _KEEP.sub(r"\g<0>\n      grace: 10d\n      minimum_stay: 5d", text)
        text = text.replace("\nexamples:", f"{_MORE}\nexamples:", 1)
        bound = self.chance.choice((500, 900, 1_500))
        text = text.replace("silver_year:   {value: 750", f"silver_year: {{value: {bound}", 1)
        text = text.replace("silver_stays:  {value: 600", "silver_stays: {value: 400", 1)
        entry = Entry(None, activation(text, compile_book(text), by="faults"))
        control = self.reached.catalogue.name(CONTROL)
        await self._asked(lambda: self.reached.producer.deliver([Append(control, 0, [entry])]))

    def flush(self) -> None:
        """Wipe the store (FLUSHALL)."""
        with RedisClient.from_url(self.valkey.url) as redis:
            redis.flushall()

    async def settle(self) -> None:
        """Bring everything to its end: all published is processed, all timers have fired."""
        await self._caught_up(_SETTLE_S_MAX)
        last = await self.feeder.end()
        ends = await self._asked(self._log_ends)
        otherwise = "the customers role does not settle"
        await _until(lambda: self._processed(ends, last), otherwise, _SETTLE_S_MAX)

    async def supervised(self) -> None:
        """Look after the workers, until cancelled. Raises RunFailed."""
        while True:
            for worker in self.workers.values():
                worker.supervise()
            await asyncio.sleep(_SUPERVISE_EVERY_S)

    async def stop_workers(self) -> None:
        """Stop what runs, in good order. Raises RunFailed where one does not."""
        for worker in self.workers.values():
            if worker.is_alive:
                await asyncio.to_thread(worker.stop, _STOP_S)

    def kill_workers(self) -> None:
        """End what still runs, at once."""
        for worker in self.workers.values():
            if worker.is_alive:
                worker.kill()

    async def positions(self) -> list[Position | None]:
        """Return where each partition stands, as the store has it."""
        found: list[Position | None] = []
        for number in range(PARTITIONS):
            (value,) = (await self.reached.store.view(number, [keys.POSITION])).values
            found.append(None if value is None else msgspec.json.decode(value, type=Position))
        return found

    async def _caught_up(self, within_s: float, *, beyond: int = 0) -> None:
        """Wait until each role has done what waits for it now, and so many records `beyond`."""
        sources, ends = await self._asked(self._source_ends), await self._asked(self._log_ends)
        steady = self.reached.catalogue.name(PURCHASES)  # the others may be quiet for a while
        for place in sources:
            sources[place] += beyond * (place[0] == steady)
        ends = [end + beyond for end in ends]
        await _until(lambda: self._ingested(sources), "ingress does not go on", within_s)
        await _until(lambda: self._processed(ends), "the customers role does not go on", within_s)

    async def _source_ends(self) -> dict[SourcePartition, int]:
        return await self.reached.positions.ends(self.reached.catalogue.sources)

    async def _log_ends(self) -> list[int]:
        log = self.reached.catalogue.name(LOG)
        ends = await self.reached.positions.ends([log])
        return [ends[log, number] for number in range(PARTITIONS)]

    async def _ingested(self, ends: dict[SourcePartition, int]) -> bool:
        group = self.settings.consumer_group(Role.INGRESS)
        passed = await self.reached.positions.committed(group)
        return all(
            end == 0 or ((at := passed.get(place)) is not None and at.offset >= end)
            for place, end in ends.items()
        )

    async def _processed(self, ends: list[int], at_rest_at: int | None = None) -> bool:
        """Tell whether every partition has come so far; and is settled at an instant, if given."""
        found = await self.positions()
        return all(
            at is not None
            and at.next >= end
            and (at_rest_at is None or (at.settled and at.now == at_rest_at))
            for at, end in zip(found, ends, strict=True)
        )

    async def _asked(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask the services until they answer."""
        deadline_s = monotonic() + _ANSWER_S_MAX
        while True:
            try:
                return await ask()
            except Unavailable as error:
                if monotonic() > deadline_s:
                    raise RunFailed(f"a service does not come back: {error}") from error
                await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def scene(
    kafka: Kafka, valkey: Valkey, folder: Path, load: Load, told: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Make topics and both workers, and put load on them; all ends with the block.

    Raises RunFailed where a worker ends by itself with a status that is not worth a restart.
    """
    name = f"faults-{secrets.token_hex(3)}"
    settings = Settings(
        app=name,
        partitions=PARTITIONS,
        kafka=KafkaSettings(bootstrap=kafka.bootstrap),
        redis=Redis(url=valkey.url),
        topic=Topic(prefix=f"{name}."),
        group=Group(session_timeout_s=SESSION_S, heartbeat_interval_s=_HEARTBEAT_S),
    )
    await topics.create(settings)
    chance = Random(load.seed)
    async with AsyncExitStack() as owned:
        reached = await owned.enter_async_context(reach(settings))
        happenings = Happenings(Random(load.seed), _CUSTOMERS, load.poison_share)
        counts = {topic.name: topic.partitions_made for topic in reached.catalogue.topics()}
        feeder = Feeder(reached, counts, happenings, Random(load.seed))
        made = Scene(kafka, valkey, reached, feeder, chance, folder, told)
        owned.callback(made.kill_workers)
        yield made


async def _until(reached: Callable[[], Awaitable[bool]], otherwise: str, within_s: float) -> None:
    """Wait until something is so; a service that does not answer counts as not yet."""
    deadline_s = monotonic() + within_s
    while True:
        with suppress(Unavailable):
            if await reached():
                return
        if monotonic() > deadline_s:
            raise RunFailed(f"{otherwise} within {within_s:.0f} s")
        await asyncio.sleep(_LOOK_EVERY_S)
