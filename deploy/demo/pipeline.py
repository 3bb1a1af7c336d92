"""The pipeline that the demo plays through: real services and workers, or all of it in memory."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.audit import Audit
from deploy.local.errors import ServiceFailed
from deploy.local.processes import Process
from deploy.local.scratch import scratch_folder
from deploy.local.services import Services
from streams import topics
from streams.commands.common import reach
from streams.jobs.play import Stage
from streams.log.feed import Feed, kafka_feed
from streams.log.port import Log
from streams.settings import Role, load
from streams.store.port import Store

ROLES = ("ingress", "customers")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the demo needs of a pipeline. `check` raises where a part of it has ended."""

    app: str
    stage: Stage
    log: Log
    store: Store
    feed: Feed
    audit: Audit
    check: Callable[[], None]


@asynccontextmanager
async def connected(services: Services) -> AsyncIterator[Pipeline]:
    """Make topics, start both workers, and read what comes out.

    Everything of the demo has names of its own, so that it can share a Kafka and a Redis with other
    things. Raises ServiceFailed where a worker does not run, and what the clients raise.
    """
    name = f"demo-{secrets.token_hex(3)}"
    # Workers are children, and this process is a client of the same deployment.
    os.environ |= services.variables | {
        "TIERSTREAM_APP": name,
        "TIERSTREAM_TOPIC_PREFIX": f"{name}.",
        "TIERSTREAM_TICKER": "off",  # the player writes the clock
        "TIERSTREAM_GROUP_COMMIT_INTERVAL_MS": "10",  # the player waits for each day's commit
        "TIERSTREAM_WEB_PORT": "0",
    }
    settings = load()
    await topics.create(settings)
    async with AsyncExitStack() as owned:
        folder = owned.enter_context(scratch_folder("demo-workers"))
        workers = [_worker(role, folder, owned) for role in ROLES]
        reached = await owned.enter_async_context(reach(settings))
        audit = Audit(reached.catalogue)
        bootstrap, client = settings.kafka.bootstrap, reached.client
        feed = await owned.enter_async_context(
            kafka_feed(bootstrap, audit.topics, from_start=True, client=client)
        )
        stage = Stage(
            reached.catalogue,
            reached.settings.consumer_group(Role.INGRESS),
            reached.producer,
            reached.positions,
        )

        def check() -> None:
            for worker in workers:
                if not worker.alive:
                    tail = "\n".join(f"    {line}" for line in worker.log_text().splitlines()[-15:])
                    raise ServiceFailed(
                        f"{worker.name} ended. The end of its log:\n{tail}",
                        "If the reason is not plain from that, report it with these lines.",
                    )

        yield Pipeline(name, stage, reached.log, reached.store, feed, audit, check)


def _worker(role: str, folder: Path, owned: AsyncExitStack) -> Process:
    command = [sys.executable, "-m", "streams", "worker", role]
    process = Process.start(f"The {role} worker", command, log_path=folder / f"{role}.log")
    owned.callback(process.stop)
    return process
