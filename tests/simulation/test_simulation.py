"""A fast dose of the simulation; `python -m tests.simulation` gives larger ones."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation.fates import FATES
from tests.simulation.run import Verdict, play, run
from tests.simulation.world import World

FAST_SEEDS = 30
LONG_SEEDS = 1_000
# What has to have happened in 2,000 runs, or they show less than they seem to.
BRANCHES = {
    *("kill", "roll back", "restore a backup", "lose all", "lose due", "lose field"),
    *("commit: lost", "commit: delayed", "commit: done, no reply", "late commit landed"),
    *(
        f"{call}: no reply, {when}"
        for call in ("fence", "claim", "wipe", "apply")
        for when in ("before", "after")
    ),
    *(f"{call}: no reply" for call in ("bounds", "read", "view", "due", "scan")),
    *("not a member", "log truncated", "topics made anew"),
    *("markers come later", "transaction takes long", "transaction expired"),
    *("another partition's transaction", "abort of another"),
    *("fail over", "spoke to a deposed server", "apply: broken off", "wipe: broken off"),
    *(f"{call}: out of memory" for call in ("claim", "wipe", "apply")),
    *("halt: wrong number of partitions", *(f"halt: {fate}" for fate in FATES)),
    *("deliver: broken off", "late delivery landed", "source replayed", "source truncated"),
    *("clock goes on", "clock held by clock", "tick in doubt", "halt: too much is refused"),
    *("take-over", "take-over, wiped", "records restored"),
    *("batch of records", "batch of timers", "timers"),
    *(f"doubt: {error}" for error in ("Doubt", "Fenced", "GeneratorExit", "Spoilt", "Unavailable")),
    *(
        f"dead letter: {reason}"
        for reason in (
            "BAD_SCHEMA",
            "FROM_THE_FUTURE",
            "TOO_LARGE",
            "TOO_LATE",
            "UNKNOWN_CURRENCY",
            "WRONG_PARTITION",
            "NO_CUSTOMER",
        )
    ),
    *(
        f"outputs: segment.{topic}.v1"
        for topic in ("tier-changed", "tier-current", "churn-risk", "changed")
    ),
    "outputs: segment.log.v1.dlq",
}


def test_no_seed_fails() -> None:
    failed = {seed: wrong for seed in range(FAST_SEEDS) if (wrong := run(seed).failures)}
    assert not failed


def test_a_seed_is_a_whole_history() -> None:
    """Run twice, a seed leaves the same bytes everywhere, and the same counts of what was met."""
    for seed in range(0, 40, 8):
        first, second = World.of(seed), World.of(seed)
        steps = [play(world) for world in (first, second)]
        assert steps[0] == steps[1]
        assert first.chance.seen == second.chance.seen
        assert first.brokers.topics == second.brokers.topics
        assert first.store.primary.snapshot(0) == second.store.primary.snapshot(0)
        assert first.judged() == []


def _verdicts(seeds: range) -> list[Verdict]:
    return [run(seed) for seed in seeds]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_seeds_meet_every_branch() -> None:
    seen: Counter[str] = Counter()
    chunks = [range(first, first + 50) for first in range(0, LONG_SEEDS, 50)]
    with ProcessPoolExecutor() as pool:
        for verdicts in pool.map(_verdicts, chunks):
            for verdict in verdicts:
                assert not verdict.failures
                seen.update(verdict.faults)
    assert BRANCHES - seen.keys() == set()
