"""The composition root: which parts a role is made of, and how its process lives and ends.

    0   told to stop (SIGTERM, SIGINT), and everything under way was finished
    69  a service that is needed at the start does not answer
    70  an unexpected error; see the log
    75  the watchdog: a position stood still although there was work
    78  a person has to act: topics, a port, or a store that may lose what it holds

69, 70 and 75 are worth an immediate restart; 78 is not. A process that cannot stop in order ends
hard after a deadline: every crash is safe, so stopping in order is a courtesy.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog

from models.calendar import DAY_S
from streams import topics
from streams.agents import CustomersAgent, Failure, IngressAgent, Running
from streams.churn_watch import ChurnWatch
from streams.clock import SystemClock, random_name
from streams.engine import Engine, Positions
from streams.engine_watch import EngineWatch
from streams.errors import Halt, StreamError, Unavailable
from streams.fetched import Place
from streams.housekeeping import keep_house
from streams.ingress import Ingress, IngressSettings, sources_of
from streams.log.kafka import KafkaLog, Timeouts
from streams.log.positions import KafkaPositions
from streams.log.producer import KafkaProducer
from streams.logs import configure
from streams.metrics import Metrics
from streams.owner import Handled, Limits
from streams.partition import Partition
from streams.protocol import PartitionSettings
from streams.releases import Releases
from streams.settings import Role, Settings
from streams.store.redis import RedisStore
from streams.ticker import Observatory, Ticker
from streams.topics import CONTROL, LOG, Catalogue
from streams.watchdog import Ends, Stalled, Watchdog
from streams.web import serving

_log = structlog.get_logger(__name__)

EXIT_UNAVAILABLE = 69
EXIT_ERROR = 70
EXIT_STALLED = 75
EXIT_HALT = 78

# A batch makes tens of thousands of values and lets them go again, none of them in a cycle; looking
# through them every 700, Python's default, costs an eighth of the reducer's time.
_GC_THRESHOLD = 100_000
_PORTS = {Role.INGRESS: 9471, Role.CUSTOMERS: 9472}


@dataclass(frozen=True, slots=True)
class _Worker:
    """A role put together: what drives it, and what is asked of it."""

    engine: Engine
    positions: Callable[[], Mapping[Place, int | None]]
    reached: Callable[[], Mapping[Place, int]]
    missing: Callable[[], Awaitable[list[str]]]
    fetched: tuple[str, ...]


def run_worker(role: Role, settings: Settings) -> NoReturn:
    """Work until told to stop, then end the process with one of this module's exit codes."""
    if not __debug__:
        message = "do not run a worker with -O: libraries report errors by assertions"
        raise Halt(message)
    configure(settings.log, SystemClock())
    # It ends the process from inside: a client's thread that hangs must not keep it.
    asyncio.run(_lived(role, settings))
    raise AssertionError("unreachable: the process has ended")


async def serve(role: Role, settings: Settings, stop: asyncio.Event) -> None:
    """Run a role until `stop` is set.

    Raises Halt, Unavailable, Stalled, or whatever unexpected ended it.
    """
    if findings := await topics.check(settings):
        raise Halt("topics are not as they must be:\n" + "\n".join(map(str, findings)))
    clock, metrics, failure = SystemClock(), Metrics(), Failure()
    async with AsyncExitStack() as parts:
        positions = KafkaPositions(settings.kafka.bootstrap, client=settings.kafka.client_options())
        parts.push_async_callback(positions.close)
        build = _ingress if role is Role.INGRESS else _customers
        worker = await build(settings, metrics, failure, positions, parts)
        watchdog = Watchdog(
            worker.positions,
            worker.reached,
            lambda: _ends(positions, worker.fetched),
            clock,
            settings.worker.stall_limit_s,
            metrics,
        )
        wished = _PORTS[role] if settings.web.port is None else settings.web.port

        async def missing() -> list[str]:
            return watchdog.missing() + await worker.missing()

        web = await parts.enter_async_context(serving(settings.web, wished, metrics, missing))
        _log.info("worker started", role=role, app=settings.app, web=web)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        await _first(worker.engine.run(stop), watchdog.run(), keep_house(), failure.wait())


async def _ends(positions: KafkaPositions, topics: Sequence[str]) -> Ends:
    return Ends(await positions.ends(topics), await positions.readable(topics))


async def _customers(
    settings: Settings,
    metrics: Metrics,
    failure: Failure,
    positions: KafkaPositions,
    parts: AsyncExitStack,
) -> _Worker:
    clock, catalogue = SystemClock(), Catalogue.of(settings)
    bootstrap, client = settings.kafka.bootstrap, settings.kafka.client_options()
    log_topic, control = catalogue.name(LOG), catalogue.name(CONTROL)
    timeouts = Timeouts(
        transact_s=settings.batch.timeout_s, expire_s=settings.batch.transaction_timeout_s
    )
    log = KafkaLog(bootstrap, client=client, timeouts=timeouts)
    parts.push_async_callback(log.close)
    store = RedisStore(settings.redis.url, settings.app)
    parts.push_async_callback(store.close)
    await _checked(store, settings)
    producer = KafkaProducer(bootstrap, client=client)
    parts.push_async_callback(producer.close)
    observatory = Observatory(
        positions,
        Releases(log, control),
        catalogue.sources,
        settings.consumer_group(Role.INGRESS),
        clock,
    )
    protocol = protocol_settings(settings)

    def partition(number: int) -> Partition:
        return Partition(
            *(number, log, store, protocol),
            clock=clock,
            membership=engine,
            observer=metrics,
            draw=random_name,
        )

    def beside(owned: Handled) -> list[Running]:
        watch = ChurnWatch(owned, store, log, control, clock, metrics)
        raising = EngineWatch(owned, store, producer, control, clock)
        if settings.ticker == "off":
            return [watch, raising]
        return [Ticker(owned, log_topic, producer, observatory, clock, metrics), watch, raising]

    async def start_at(place: Place, offset: int) -> None:
        await engine.start_at(place, offset)

    async def missing() -> list[str]:
        try:
            await store.check()
        except StreamError as error:
            return [f"Redis: {error}", *await agent.missing()]
        return await agent.missing()

    agent = CustomersAgent(partition, start_at, beside, _limits(settings), metrics, failure)
    group = settings.consumer_group(Role.CUSTOMERS)
    engine = Engine(group, [log_topic], agent, Positions.OWNED, settings)
    return _Worker(engine, agent.positions, agent.reached, missing, (log_topic,))


async def _ingress(
    settings: Settings,
    metrics: Metrics,
    _failure: Failure,
    positions: KafkaPositions,
    parts: AsyncExitStack,
) -> _Worker:
    catalogue = Catalogue.of(settings)
    producer = KafkaProducer(settings.kafka.bootstrap, client=settings.kafka.client_options())
    parts.push_async_callback(producer.close)
    sources = sources_of(catalogue)
    ingress = Ingress(
        sources,
        producer,
        positions,
        IngressSettings(
            catalogue.name(LOG),
            settings.partitions,
            settings.consumer_group(Role.INGRESS),
            bad_share_max=settings.ingress.bad_share_max,
        ),
        SystemClock(),
        metrics,
    )
    agent = IngressAgent(ingress, _limits(settings), metrics)
    group = settings.consumer_group(Role.INGRESS)
    engine = Engine(group, sources, agent, Positions.COMMITTED, settings)
    return _Worker(engine, agent.positions, agent.reached, agent.missing, tuple(sources))


def protocol_settings(settings: Settings) -> PartitionSettings:
    """Return what the partition protocol needs to know."""
    return PartitionSettings(
        app=settings.app,
        partitions=settings.partitions,
        prefix=settings.topic.prefix,
        batch_max=settings.batch.records_max,
        delete_retention_s=settings.topic.delete_retention_days * DAY_S,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        records_max=settings.batch.records_max,
        linger_s=settings.batch.linger_ms / 1_000,
        batch_timeout_s=settings.batch.timeout_s,
    )


async def _checked(store: RedisStore, settings: Settings) -> None:
    try:
        await store.check()
    except Unavailable as error:
        raise Unavailable(
            f"Redis at {settings.redis.address} does not answer ({error}). Start it (`python3 "
            "deploy/dev.py up`), or point TIERSTREAM_REDIS_URL at yours"
        ) from error


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Run until the first of them ends; raise what it raised, and cancel the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def _lived(role: Role, settings: Settings) -> NoReturn:
    """Serve until a signal, and end the process with the code that says how it went."""
    stop = asyncio.Event()
    deadline_s = settings.worker.stop_deadline_s

    def told_to_stop() -> None:
        _log.info("stopping", deadline_s=deadline_s)
        stop.set()
        _end_within(deadline_s, os.EX_OK)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop)
    code = os.EX_OK
    try:
        await serve(role, settings, stop)
    except Stalled as error:
        code = EXIT_STALLED
        _log.error(str(error))
    except Halt as error:
        code = EXIT_HALT
        _log.error(str(error))
    except Unavailable as error:
        code = EXIT_UNAVAILABLE
        _log.error(str(error))
    except Exception:  # noqa: BLE001  whatever it is, it is logged, and it ends the process
        code = EXIT_ERROR
        _log.exception("ended by an unexpected error")
    _log.info("worker ended", exit_code=code)
    _end(code)


def _end_within(seconds: float, code: int) -> None:
    timer = threading.Timer(seconds, _end, (code,))
    timer.daemon = True
    timer.start()


def _end(code: int) -> NoReturn:
    """End the process now, whatever threads are left."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
