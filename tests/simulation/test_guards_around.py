"""Guards around the protocol are needed too: of the clock, and those that ask for a person."""

from __future__ import annotations

import pytest

from rules import eras
from streams.takeover import TakeOver
from streams.ticker import Judge, Observatory
from tests.simulation.crew import Crew
from tests.simulation.fates import FATES
from tests.simulation.mutation import Guard, failing_seed, take_away
from tests.simulation.sources import Sources
from tests.simulation.world import World

pytestmark = pytest.mark.long


def with_sources(world: World) -> None:
    """Let ingress and tickers fill the log, whatever the seed drew."""
    world.entries, world.anew_at, world.fate = [], None, None
    sources = Sources(world.random, world.chance, world.brokers, 25)
    world.crew = Crew(sources, world.log)


def with_fate(world: World) -> None:
    """Let somebody make the log anew, or cut what a partition needs, whatever the seed drew."""
    if world.crew is None:
        world.anew_at, world.fate = None, world.random.choice(sorted(FATES))


PERSONS = {
    "a position outside the log asks for a person": Guard(
        [TakeOver], "_check_log", "not bounds.start <= position.next <= bounds.end", "False"
    ),
    "a log that was made anew asks for a person": Guard(
        [TakeOver], "_check_log", "Origin.read(held.origin).log != identity", "False"
    ),
    "a changelog without its beginning asks for a person": Guard(
        [TakeOver],
        "_origin",
        """if record.key == keys.ORIGIN and record.value is not None:
                return record.value.decode()""",
        """if record.value is not None:
                return record.value.hex()""",
    ),
    "a changelog that was emptied is not a new one": Guard(
        [TakeOver], "_origin", "bounds.start > 0", "False"
    ),
    "a log is read with its own number of partitions": Guard(
        [TakeOver], "_check_log", "position.partitions != partitions", "False"
    ),
    "a log that a newer engine concludes is not touched": Guard(
        [eras], "check_engine", "engine > ENGINE", "False"
    ),
}

CLOCK = {
    "the clock is read before the ends": Guard(
        [Observatory],
        "sight",
        "return Sight(at, ends, passed,",
        "return Sight(self._clock.now(), ends, passed,",
    ),
    "an instant counts once ingress has passed what the sources held then": Guard(
        [Judge],
        "_counted",
        "all(_is_passed(sight, source, end) for source, end in ends.items())",
        "any(_is_passed(sight, source, end) for source, end in ends.items())",
    ),
    "the slowest source sets the clock": Guard([Judge], "judge", "min(known if", "max(known if"),
    "clocks may differ by the slack": Guard(
        [Judge], "judge", "min(at, sight.at) - SLACK_S", "min(at, sight.at)"
    ),
}


@pytest.mark.parametrize("name", PERSONS)
def test_a_guard_that_asks_for_a_person(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, PERSONS[name])
    assert failing_seed(with_fate) is not None


@pytest.mark.parametrize("name", CLOCK)
def test_a_guard_of_the_clock(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, CLOCK[name])
    assert failing_seed(with_sources) is not None
