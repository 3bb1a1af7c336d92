"""The contest: everybody does the same job on the same events, in turns, on the same services.

A run is measured from outside: a reader of committed records sees the changes of tier, and knows
from them how far the run is. Start, warm-up and the last events stay out of what is measured. A run
that is not right does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import NamedTuple

from deploy.local.processes import Process
from models.errors import TierstreamError
from streams.log.feed import Feed, kafka_feed
from streams.settings import Role
from streams.topics import TIER_CHANGED
from tests.bench.deployment import BenchFailed, Deployment, Site
from tests.bench.peers.arena import OUTPUT, Arena, filled
from tests.bench.peers.entrants import Entrant
from tests.bench.peers.reference import of_peer, of_tierstream, steps, stretch
from tests.bench.peers.usage import Usage, Watched
from tests.bench.throughput import Told
from tests.bench.verdict import verified

_STANDSTILL_S_MAX = 60.0
_ENDED_S_MAX = 5.0  # some end with their input; what they wrote is read by then
_AFTERWARDS_S = 1.0
_STOP_S = 15.0


class Seen(NamedTuple):
    """What arrived at a moment, and what had been used by then."""

    at_s: float
    values: Sequence[bytes]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Run:
    """One run that was right; what was done before `events` began is left out."""

    events: int
    seconds: float
    cpu_us: dict[str, float]
    """CPU time an event by part, in microseconds."""
    rss_mb: float
    foreign_cores: float
    """CPUs that other programs kept busy meanwhile: what disturbs a measurement."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


@dataclass(slots=True)
class Score:
    """What an entrant achieved; `failures` says what was wrong with runs that do not count."""

    entrant: Entrant
    events: int
    runs: list[Run] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """Median of events a second."""
        return median(run.rate for run in self.runs) if self.runs else None

    @property
    def cpu_us(self) -> float | None:
        """Median of client, store and broker together, in microseconds an event."""
        return median(sum(run.cpu_us.values()) for run in self.runs) if self.runs else None


async def contest(
    site: Site, entrants: Sequence[Entrant], events: int, rounds: int, told: Told
) -> list[Score]:
    """Let everybody run in every round; who begins one round ends the next."""
    arena = await filled(site, events, [entrant.share for entrant in entrants], told)
    warming = next((each for each in entrants if each.kind == "jvm"), entrants[0])
    await _attempt(arena, warming, told, "warming the broker up")  # a cold one costs twice as much
    scores = [Score(entrant, arena.events(entrant)) for entrant in entrants]
    for number in range(rounds):
        turn = number % len(scores)
        for score in scores[turn:] + scores[:turn]:
            name = f"{score.entrant.name}, run {number + 1} of {rounds}"
            outcome = await _attempt(arena, score.entrant, told, name)
            if isinstance(outcome, Run):
                score.runs.append(outcome)
                told(f"{name}: {outcome.rate:,.0f} events/s")
            else:
                score.failures.append(outcome)
                told(f"{name}: {outcome}")
    return scores


async def _attempt(arena: Arena, entrant: Entrant, told: Told, name: str) -> Run | str:
    """Let an entrant run once; return what it achieved, or why the run does not count."""
    expected = arena.reference.first(arena.events(entrant))
    async with arena.ring() as deployment:
        topic = OUTPUT if entrant.command is not None else TIER_CHANGED
        reached = deployment.reached
        bootstrap = reached.settings.kafka.bootstrap
        topics = [deployment.catalogue.name(topic)]
        async with kafka_feed(bootstrap, topics, from_start=True, client=reached.client) as feed:
            try:
                with _running(arena, deployment, entrant) as processes:
                    watched = Watched([each.pid for each in processes], deployment.services)
                    seen = await _watch(feed, processes, watched, len(expected), told, name)
                if entrant.command is None:
                    await verified(deployment)
            except TierstreamError as error:
                return str(error)
    found, verdict = steps(
        expected,
        ((at_s, values) for at_s, values, _ in seen),
        of_tierstream if entrant.command is None else of_peer,
    )
    if not verdict.is_right:
        return f"{verdict.missing:,} changes are missing, {verdict.extra:,} are wrong or repeated"
    between = stretch(found, arena.events(entrant))
    if between is None:
        return "it committed too rarely to be measured; give it more with --events"
    first, last = between
    return _run(found[last].events - found[first].events, seen[first], seen[last])


@contextmanager
def _running(arena: Arena, deployment: Deployment, entrant: Entrant) -> Iterator[list[Process]]:
    """Run the entrant's processes for the block."""
    with ExitStack() as started:
        if entrant.command is None:
            workers = [
                started.enter_context(deployment.worker(Role.CUSTOMERS))
                for _ in range(entrant.workers)
            ]
            yield [worker.process for worker in workers]
            return
        command = entrant.command()
        app = deployment.settings.app
        folder = deployment.folder / app
        folder.mkdir()
        variables = {
            "PEER_BOOTSTRAP": deployment.services.kafka_bootstrap,
            "PEER_REDIS": deployment.services.redis_url,
            "PEER_INPUT": deployment.catalogue.name(arena.topic(entrant)),
            "PEER_OUTPUT": deployment.catalogue.name(OUTPUT),
            "PEER_GROUP": app,
            "PEER_FOLDER": str(folder),
        }
        log_path = deployment.folder / f"{app}-{entrant.name}.log"
        process = Process.start(entrant.name, command, log_path=log_path, variables=variables)
        started.callback(process.stop, _STOP_S)
        yield [process]


async def _watch(
    feed: Feed,
    processes: Sequence[Process],
    watched: Watched,
    expected: int,
    told: Told,
    name: str,
) -> list[Seen]:
    """Note what arrives until all has come, and a little longer: nothing more should.

    Raises BenchFailed where nothing arrives any more.
    """
    seen: list[Seen] = []
    count, moved_s = 0, monotonic()
    while count < expected:
        items = await feed.take()
        at_s = monotonic()
        if items:
            moved_s, count = at_s, count + len(items)
            values = [item.record.value or b"" for item in items]
            seen.append(Seen(at_s, values, watched.look()))
            told(f"{name}: {count:,} of {expected:,} changes")
        elif at_s - moved_s > (_STANDSTILL_S_MAX if processes[0].alive else _ENDED_S_MAX):
            raise BenchFailed(f"stood still at {count:,} of {expected:,} changes{_last(processes)}")
    await asyncio.sleep(_AFTERWARDS_S)
    if more := await feed.take():
        values = [item.record.value or b"" for item in more]
        seen.append(Seen(monotonic(), values, watched.look()))
    return seen


def _last(processes: Sequence[Process]) -> str:
    said = [line for each in processes for line in each.log_text().splitlines() if line.strip()]
    return f"; the last that it said: {said[-1][:300]}" if said else ""


def _run(events: int, begin: Seen, end: Seen) -> Run:
    seconds = end.at_s - begin.at_s
    cpu_s = {part: end.usage.cpu_s[part] - used for part, used in begin.usage.cpu_s.items()}
    own_s = sum(cpu_s.values()) + end.usage.bench_s - begin.usage.bench_s
    whole_s = end.usage.machine_s - begin.usage.machine_s
    return Run(
        events=events,
        seconds=seconds,
        cpu_us={part: used / events * 1e6 for part, used in cpu_s.items()},
        rss_mb=end.usage.rss_mb,
        foreign_cores=max(0.0, whole_s - own_s) / seconds,
    )
