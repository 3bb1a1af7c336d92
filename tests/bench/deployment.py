"""Deployments of the benchmark's own: topics, clients, and the worker processes under test."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import urllib.request
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from deploy.local.errors import ServiceFailed
from deploy.local.processes import Process, free_port
from deploy.local.services import Services
from models.errors import TierstreamError
from streams import topics
from streams.commands.common import Reach, reach
from streams.ledger import Position
from streams.settings import Role, Settings, load
from streams.store import keys
from streams.topics import Catalogue

_ANSWER_S_MAX = 30.0  # a worker answers between batches
_GONE_S_MAX = 60.0
_LOOK_EVERY_S = 0.1
_LOG_TAIL_LINES = 15


class BenchFailed(TierstreamError):
    """A run that does not count; the message says why."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process and its metrics page."""

    role: Role
    process: Process
    port: int

    def check(self) -> None:
        """Raise ServiceFailed where the process has ended."""
        if not self.process.alive:
            raise ServiceFailed(
                f"{self.process.name} ended. The end of its log:\n{self.last_said()}",
                "If the reason is not plain from that, report it with these lines.",
            )

    def last_said(self) -> str:
        """Return the end of its log, indented."""
        lines = self.process.log_text().splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines)

    async def metrics(self) -> dict[tuple[str, str], float]:
        """Return all samples, summed by their name and (where they have one) their topic.

        Raises BenchFailed where the worker does not answer.
        """
        page = await asyncio.to_thread(self._page)
        found: dict[tuple[str, str], float] = {}
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                at = (sample.name.removeprefix("tierstream_"), sample.labels.get("topic", ""))
                found[at] = found.get(at, 0.0) + sample.value
        return found

    def _page(self) -> str:
        url = f"http://127.0.0.1:{self.port}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_S_MAX) as reply:
                return str(reply.read(), "utf-8")
        except OSError as error:  # URLError and time-outs are such
            raise BenchFailed(f"{self.process.name} does not tell its metrics: {error}") from error


@dataclass(frozen=True, slots=True)
class Deployment:
    """An application that has not processed anything yet, and clients of it."""

    services: Services
    reached: Reach
    folder: Path
    profile: Path | None

    @property
    def settings(self) -> Settings:
        """What its workers run with."""
        return self.reached.settings

    @property
    def catalogue(self) -> Catalogue:
        """Its topics."""
        return self.reached.catalogue

    @contextmanager
    def worker(self, role: Role, variables: Mapping[str, str] | None = None) -> Iterator[Worker]:
        """Run a worker for the block, as in production; or under a profiler, if so asked.

        `variables`: settings of its own.
        """
        port = free_port()
        own = {**(variables or {}), "TIERSTREAM_WEB_PORT": str(port)}
        command = [sys.executable, "-m", "streams", "worker", role]
        if self.profile is not None:
            report = self.profile.with_name(f"{self.profile.name}.{role}")
            command = [sys.executable, "-m", "tests.bench.profiled", role, str(report)]
        log_path = self.folder / f"{self.settings.app}-{role}-{port}.log"
        process = Process.start(f"The {role} worker", command, log_path=log_path, variables=own)
        try:
            yield Worker(role, process, port)
        finally:
            process.stop(self.settings.worker.stop_deadline_s)

    async def positions(self) -> list[int]:
        """Return the next log offset of each partition, 0 where nothing was processed."""
        found = []
        for number in range(self.settings.partitions):
            (value,) = (await self.reached.store.view(number, [keys.POSITION])).values
            at = None if value is None else msgspec.json.decode(value, type=Position)
            found.append(0 if at is None else at.next)
        return found

    def store_bytes(self) -> int:
        """Return what the application's keys take of the store's memory."""
        with Redis.from_url(self.services.redis_url) as redis:
            sizes = [redis.memory_usage(key, samples=0) for key in self.store_keys()]
        return sum(size for size in sizes if isinstance(size, int))

    def store_keys(self) -> list[bytes]:
        """Return the names of the application's keys."""
        app, partitions = self.settings.app, range(self.settings.partitions)
        return [key(app, p) for p in partitions for key in (keys.hash_key, keys.due_key)]

    def forget(self) -> None:
        """Take the application's keys out of the store."""
        with Redis.from_url(self.services.redis_url) as redis:
            redis.unlink(*self.store_keys())


@dataclass(frozen=True, slots=True)
class Site:
    """A set of topics with a prefix of its own, on which applications start afresh."""

    services: Services
    folder: Path
    prefix: str
    profile: Path | None

    @asynccontextmanager
    async def deployment(self, keep: Sequence[str] = ()) -> AsyncIterator[Deployment]:
        """Start an application for the block, on topics that are empty but for those in `keep`.

        `keep` holds names without prefix. The name of the application is new, and so are its groups
        and its state.
        """
        app = f"{self.prefix}{secrets.token_hex(3)}"
        # Workers are children, and this process is a client of the same deployment.
        os.environ.update(
            self.services.variables,
            TIERSTREAM_APP=app,
            TIERSTREAM_TOPIC_PREFIX=self.prefix,
            TIERSTREAM_TICKER="off",  # the benchmark writes the clock
        )
        settings = load()
        await self._empty(settings, keep)
        await topics.create(settings)
        async with reach(settings) as reached:
            deployment = Deployment(self.services, reached, self.folder, self.profile)
            try:
                yield deployment
            finally:
                deployment.forget()

    async def clear(self) -> None:
        """Delete every topic of this prefix."""
        await self._empty(load(), ())

    async def _empty(self, settings: Settings, keep: Collection[str]) -> None:
        kept = {self.prefix + name for name in keep}
        async with _admin(settings) as admin:
            doomed = [
                name
                for name in await admin.list_topics()
                if self.prefix in name and name not in kept  # peers put theirs before it, too
            ]
            if not doomed:
                return
            await admin.delete_topics(doomed)
            deadline_s = monotonic() + _GONE_S_MAX
            while set(doomed) & set(await admin.list_topics()):
                if monotonic() > deadline_s:
                    raise BenchFailed("the broker does not delete topics; is it busy?")
                await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def site(
    services: Services, folder: Path, name: str, profile: Path | None
) -> AsyncIterator[Site]:
    """Topics for the block; nothing of them is left behind."""
    made = Site(services, folder, f"bench-{name}-{secrets.token_hex(2)}.", profile)
    try:
        yield made
    finally:
        if services.kafka is None:  # ours ends with all that it holds
            await made.clear()


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
