"""`python -m deploy.demo [--json] [--events N] [--embedded]`: the demo as a program.

It ends with status 0 only if its own checks hold. With `--json` the last line of standard output is
the summary, and everything for people goes to standard error.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from rich.console import Console

from deploy.demo.audit import Findings
from deploy.demo.embedded import embedded
from deploy.demo.pipeline import Pipeline, connected
from deploy.demo.sample import ZONE, sample_events
from deploy.demo.screen import Screen
from deploy.local.arguments import positive
from deploy.local.errors import LocalError, MissingTool
from deploy.local.processes import orderly_exit
from deploy.local.services import Services, local_services, started
from models.calendar import calendar
from models.errors import TierstreamError
from rules import catalog
from rules.compiler.compile import compile_book
from streams.commands.common import quieten
from streams.commands.ruling import activation
from streams.errors import Unavailable
from streams.jobs.play import play
from streams.jobs.publish import SourceEvent
from streams.jobs.replay import verify
from streams.log.port import Append, Entry
from streams.topics import CONTROL

_T = TypeVar("_T")

_RULEBOOK = "retail"
_WAIT_S_MAX = 120.0
_LOOK_EVERY_S = 0.05
_CTRL_C = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the result is the exit status."""
    options = _options(arguments)
    quieten()
    screen = Screen(Console(stderr=options.json, highlight=False), calendar(ZONE))
    started_s = time.monotonic()
    try:
        with orderly_exit():
            findings, equal = _run(options, screen)
    except (LocalError, TierstreamError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped, with everything that was started.", file=sys.stderr)
        return _CTRL_C
    seconds = time.monotonic() - started_s
    # The sample has no bad event, so a dead letter is as wrong as a lost one.
    wrong = findings.dead_letters + findings.duplicates + findings.missing + findings.differences
    screen.summary(_rows(findings, seconds, equal=equal))
    if options.json:
        said = asdict(findings) | {"replay_equal": equal, "seconds": round(seconds, 1)}
        print(json.dumps(said | {"embedded": options.embedded}), flush=True)
    return int(bool(wrong) or not equal)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--events", type=positive, metavar="N", help="only the first N events")
    parser.add_argument("--embedded", action="store_true", help="all in memory, no services")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, screen: Screen) -> tuple[Findings, bool]:
    events = sample_events(options.events)
    if not options.embedded:
        try:
            ours = " and ".join(started())
            screen.say(f"Starting {ours} ..." if ours else "Using services of your own ...")
            with local_services("demo") as services:
                return asyncio.run(_with_services(services, events, screen))
        except MissingTool as error:
            screen.say(f"{error}\nUntil then: the same pipeline, all in memory.")
            options.embedded = True
    else:
        screen.say(
            "The pipeline runs in memory. For the real thing leave out --embedded: it takes Java "
            "17 and Maven, or your own services, named by TIERSTREAM_KAFKA_BOOTSTRAP and "
            "TIERSTREAM_REDIS_URL."
        )
    screen.say("Nothing survives this demo.")
    return asyncio.run(_in_memory(events, screen))


async def _with_services(
    services: Services, events: list[SourceEvent], screen: Screen
) -> tuple[Findings, bool]:
    screen.say("Making topics, starting both workers ...")
    async with connected(services) as pipeline:
        return await _played(pipeline, events, screen)


async def _in_memory(events: list[SourceEvent], screen: Screen) -> tuple[Findings, bool]:
    async with embedded() as pipeline:
        return await _played(pipeline, events, screen)


async def _played(
    pipeline: Pipeline, events: list[SourceEvent], screen: Screen
) -> tuple[Findings, bool]:
    await _activate(pipeline)
    following = asyncio.create_task(_follow(pipeline, screen))
    try:
        with screen.playing(len(events)):
            zone = calendar(ZONE)
            last = await _beside(
                play(events, pipeline.stage, zone, progress=screen.played), following
            )
            await _beside(_settled(pipeline, last), following)
    finally:
        following.cancel()
    screen.say("Checking: changelog against store, log against replay ...")
    return await pipeline.audit.findings(len(events), pipeline.store), await _replays(pipeline)


async def _activate(pipeline: Pipeline) -> None:
    """Put the shipped rulebook into force, and wait until it stands in the log."""
    text = catalog.text(_RULEBOOK)
    entry = Entry(None, activation(text, compile_book(text), by="demo"))
    stage = pipeline.stage
    await stage.producer.deliver([Append(stage.catalogue.name(CONTROL), 0, [entry])])
    await stage.passed()


async def _follow(pipeline: Pipeline, screen: Screen) -> None:
    """Count and tell what comes out, for as long as the demo runs."""
    while True:
        pipeline.check()
        screen.tell(pipeline.audit.take(await pipeline.feed.take()))


async def _beside(work: Coroutine[Any, Any, _T], following: asyncio.Task[None]) -> _T:
    """Do some work; end with the follower's error where that comes first."""
    working = asyncio.create_task(work)
    await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
        following.result()
    return await working


async def _settled(pipeline: Pipeline, last_tick: int) -> None:
    """Wait until every partition has nothing left to do at the last tick, and all of it is read."""
    audit, partitions = pipeline.audit, range(pipeline.stage.catalogue.partitions)

    async def settled() -> bool:
        positions = [audit.position(number) for number in partitions]
        return all(each and each.settled and each.now == last_tick for each in positions)

    await _until(settled, "the customers worker did not come to the end of the log")
    ends = await pipeline.stage.positions.ends(audit.topics)

    async def read() -> bool:
        return await pipeline.feed.has_reached(ends)

    await _until(read, "the outputs could not all be read")


async def _until(reached: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    deadline_s = time.monotonic() + _WAIT_S_MAX
    while not await reached():
        if time.monotonic() > deadline_s:
            raise Unavailable(f"{otherwise} within {_WAIT_S_MAX:.0f} seconds")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _replays(pipeline: Pipeline) -> bool:
    """Replay every partition's log; tell whether each gives the digests that the workers noted."""
    catalogue = pipeline.stage.catalogue
    verdicts = [
        await verify(pipeline.log, pipeline.app, number, catalogue.partitions, catalogue.prefix)
        for number in range(catalogue.partitions)
    ]
    return all(verdict is not None and verdict.equal for verdict in verdicts)


def _rows(findings: Findings, seconds: float, *, equal: bool) -> list[tuple[str, str, bool | None]]:
    return [
        ("events in", f"{findings.events_in:,}", None),
        ("tier changes", f"{findings.tier_changes:,}", None),
        ("churn-risk changes", f"{findings.churn_changes:,}", None),
        ("all changes", f"{findings.changes:,}", None),
        ("dead letters", f"{findings.dead_letters:,}", findings.dead_letters == 0),
        ("duplicates", f"{findings.duplicates:,}", findings.duplicates == 0),
        ("missing", f"{findings.missing:,}", findings.missing == 0),
        (
            "store against changelog",
            f"{findings.differences} differences",
            not findings.differences,
        ),
        ("replay", "the same states and outputs" if equal else "DIFFERENT", equal),
        ("seconds", f"{seconds:.1f}", None),
    ]


if __name__ == "__main__":
    sys.exit(main())
