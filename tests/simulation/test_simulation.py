"""A fast dose of the simulation; `python -m tests.simulation` gives larger ones."""

from __future__ import annotations

from tests.simulation.branches import BRANCHES, SEEDS_ENOUGH, unmet
from tests.simulation.run import play, run
from tests.simulation.world import World

FAST_SEEDS = 30


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


def test_a_large_dose_has_to_meet_every_branch() -> None:
    met = set(BRANCHES) - {"take-over", "kill"}
    assert unmet(met, SEEDS_ENOUGH) == ["kill", "take-over"]
    assert unmet(met, SEEDS_ENOUGH - 1) == []
    assert unmet(BRANCHES, SEEDS_ENOUGH) == []
