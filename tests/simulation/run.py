"""One run: several workers, one partition, a hostile world, and a verdict.

The scheduler owns the workers' coroutines and steps one of them at a time, so no event loop is
needed and nothing depends on real time. In the first phase workers are started, frozen, killed and
replaced while the log grows; then the world turns calm, one fresh worker finishes, and what is left
is held against the oracle. Now and then all topics are made anew in the middle, and what came
before must leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.errors import Halt
from tests.simulation.world import World

HOSTILE_STEPS = 1_500
CALM_STEPS_MAX = 20_000
WORKERS_MAX = 4


class Verdict(NamedTuple):
    """What was found wrong (nothing, in a good run), and which faults and branches were met."""

    failures: list[str]
    faults: dict[str, int]
    steps: int


def run(seed: int, change: Callable[[World], None] | None = None) -> Verdict:
    """Run one seed; `change` may take a guard away from its world."""
    world = World.of(seed)
    if change is not None:
        change(world)
    try:
        steps = play(world)
    except Halt as halt:
        return Verdict(world.halted(str(halt)), world.chance.seen, 0)
    return Verdict(world.judged(), world.chance.seen, steps)


def play(world: World) -> int:
    """Let a world run until it is calm and settled; return the steps that were taken.

    Raises:
        Halt: a worker asked for a person.
    """
    try:
        return _hostile(world) + _calm(world)
    finally:
        world.stop()


def _hostile(world: World) -> int:
    random = world.random
    for step in range(HOSTILE_STEPS):
        if step == world.anew_at:
            world.make_anew()
        if world.waiting > 1 and random.random() < 0.08:  # the last one is for the calm
            world.append()
        if (not world.workers or random.random() < 0.01) and len(world.workers) < WORKERS_MAX:
            world.start()
        world.suffer()
        if step >= HOSTILE_STEPS // 4:
            world.strike()
        if world.workers:
            # The newest worker mostly runs; the others are zombies that wake now and then.
            any_of_them = random.random() < world.zombies
            world.step(random.choice(world.workers) if any_of_them else world.workers[-1])
        over = step > HOSTILE_STEPS // 2 and (world.anew_at is None or step > world.anew_at)
        if over and world.waiting == 1 and random.random() < 0.005:
            return step
    return HOSTILE_STEPS


def _calm(world: World) -> int:
    world.calm()
    for step in range(CALM_STEPS_MAX):
        world.step(world.workers[0])
        if world.crew is not None:
            world.crew.step()
            world.crew.sources.pass_time()
        if step % 50 == 0 and world.settled():
            return step
    return CALM_STEPS_MAX
