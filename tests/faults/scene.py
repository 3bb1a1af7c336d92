"""A deployment under load whose parts can be killed, frozen and wiped one by one."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from redis import Redis as RedisClient
from redis.exceptions import RedisError

from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey
from rules.compiler.compile import compile_book
from streams import topics
from streams.commands.common import Reach, reach
from streams.commands.ruling import activation
from streams.ledger import Position
from streams.log.port import Append, Entry
from streams.settings import Group, Redis, Role, Settings, Topic
from streams.settings import Kafka as KafkaSettings
from streams.store import keys
from streams.topics import CONTROL, Catalogue
from tests.faults.book import rulebook
from tests.faults.feeder import DAYS_PER_S, HISTORY_DAYS, Feeder
from tests.faults.happenings import Happenings
from tests.faults.progress import Progress
from tests.faults.wiring import Wiring
from tests.faults.workers import Worker

PARTITIONS = 4
SESSION_S = 6.0
_HEARTBEAT_S = 1.5
_CUSTOMERS = 1_500
_RESUME_S_MAX = 120.0
_SETTLE_S_MAX = 600.0
_STOP_S = 20.0
_SUPERVISE_EVERY_S = 0.1


class Load(NamedTuple):
    """What is written while things break; `poison_share` of it is bad."""

    seed: int
    events_per_s: float  # at most; a row may want less
    poison_share: float
    history_days: float = HISTORY_DAYS
    days_per_s: float = DAYS_PER_S
    fault_s_max: float = 4.0  # how long a single fault may last


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
    load: Load
    progress: Progress
    wired: Wiring | None = None
    workers: dict[str, Worker] = field(default_factory=dict)
    resumed_s: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)  # what a row measured beside
    rulebooks: int = 0  # the newest version that was put into force

    @property
    def wiring(self) -> Wiring:
        """What stands between workers and services."""
        assert self.wired is not None, "this deployment has no cables"
        return self.wired

    @property
    def restarts(self) -> int:
        """How often workers ended by themselves and were started again."""
        return sum(worker.restarts for worker in self.workers.values())

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

    def worker(
        self,
        role: Role,
        name: str,
        *,
        is_static: bool = True,
        is_direct: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> Worker:
        """Return a worker by its name; the first call makes it. It is not started.

        It reaches the services over the cables, or directly. `more`: further variables.
        """
        if name not in self.workers:
            instance = {"TIERSTREAM_GROUP_INSTANCE_ID": name} if is_static else {}
            over = {} if is_direct or self.wired is None else self.wired.variables
            variables = self.variables | over | instance | dict(more or {})
            self.workers[name] = Worker(role, name, variables, self.folder)
        return self.workers[name]

    def fault_s(self, least_s: float = 1.0) -> float:
        """Draw how long a fault lasts: short ones more often than long ones."""
        return math.exp(
            self.chance.uniform(math.log(least_s), math.log(max(self.load.fault_s_max, least_s)))
        )

    async def under_way(self, seconds: float) -> None:
        """Let the load go on for about so long; the exact moment of a fault is left to chance."""
        await asyncio.sleep(seconds * self.chance.uniform(0.5, 1.5))

    async def resume(self, began: float | None = None) -> None:
        """Wait until all that is published by now is processed, and something that came later.

        How long that took is noted.
        `began`: since when to count, by the monotonic clock; from now on where it is not given.
        """
        since = monotonic() if began is None else began
        await self.progress.caught_up(_RESUME_S_MAX, beyond=1)
        self.resumed_s.append(monotonic() - since)
        self.told(f"went on after {self.resumed_s[-1]:.1f} s")

    async def activate_next(self) -> None:
        """Put a rulebook into force that follows the newest."""
        await self.activate(self.rulebooks + 1)

    async def activate(self, version: int) -> None:
        """Put a version of the retail rulebook into force, with bounds of its own."""
        self.rulebooks = version
        text = rulebook(version, self.chance)
        entry = Entry(None, activation(text, compile_book(text), by="faults"))
        control = self.reached.catalogue.name(CONTROL)
        await self.progress.asked(
            lambda: self.reached.producer.deliver([Append(control, 0, [entry])])
        )

    def flush(self) -> None:
        """Wipe the store (FLUSHALL)."""
        with RedisClient.from_url(self.valkey.url) as redis:
            redis.flushall()

    async def settle(self) -> None:
        """Bring everything to its end: all published is processed, all timers have fired.

        How long it took until nothing lagged is noted.
        """
        began = monotonic()
        await self.progress.caught_up(_SETTLE_S_MAX)
        self.figures["lag_s"] = round(monotonic() - began, 2)
        await self.progress.at_rest(await self.feeder.end(), _SETTLE_S_MAX)

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
        return await self.progress.positions()


@asynccontextmanager
async def scene(  # what a deployment stands on, and what it is put through
    kafka: Kafka,
    valkey: Valkey,
    folder: Path,
    load: Load,
    told: Callable[[str], None],
    wired: Wiring | None = None,
) -> AsyncIterator[Scene]:
    """Make topics for both workers, and the load to put on them; all ends with the block.

    The workers reach the services over the cables of `wired`, where there are any.
    """
    name = f"faults-{secrets.token_hex(3)}"
    settings = Settings(
        app=name,
        partitions=PARTITIONS,
        kafka=KafkaSettings(bootstrap=kafka.bootstrap),
        redis=Redis(url=valkey.url if wired is None else wired.store_url),
        topic=Topic(prefix=f"{name}."),
        group=Group(session_timeout_s=SESSION_S, heartbeat_interval_s=_HEARTBEAT_S),
    )
    await topics.create(settings)
    async with AsyncExitStack() as owned:
        owned.push_async_callback(_cleared_away, settings)
        reached = await owned.enter_async_context(reach(settings))
        happenings = Happenings(Random(load.seed), _CUSTOMERS, load.poison_share)
        counts = {topic.name: topic.partitions_made for topic in reached.catalogue.topics()}
        chance = Random(load.seed)
        span = (load.history_days, load.days_per_s)
        feeder = Feeder(reached, counts, happenings, Random(load.seed), *span)
        progress = Progress(reached)
        made = Scene(kafka, valkey, reached, feeder, chance, folder, told, load, progress, wired)
        owned.callback(made.kill_workers)
        yield made


async def _cleared_away(settings: Settings) -> None:
    """Delete the topics and keys, so that later deployments on the same services are not slower."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    with suppress(KafkaError):  # brokers that are still down keep them
        await admin.start()
        await admin.delete_topics([topic.name for topic in Catalogue.of(settings).topics()])
    await admin.close()
    with suppress(RedisError), RedisClient.from_url(settings.redis.url) as redis:
        for number in range(settings.partitions):
            redis.delete(keys.hash_key(settings.app, number), keys.due_key(settings.app, number))
