"""Guards against what brokers forget to end are needed too."""

from __future__ import annotations

import pytest

from streams.forgotten import Forgotten
from streams.partition import Partition
from streams.takeover import TakeOver
from tests.simulation import history
from tests.simulation.mutation import Guard, failing_seed, take_away
from tests.simulation.world import World

pytestmark = pytest.mark.long

SEEN_ONCE = "await held.writer.end_open(committed=True); break"
FORGETFUL = {
    "an idle owner sees to what brokers forgot to end": Guard(
        [Partition], "work_ahead", "await self._see_to_readers(held)", "pass"
    ),
    "readers see what was committed before more is sent": Guard(
        [Partition], "_batch", "await self._see_to_readers(held)", "pass"
    ),
    "what brokers forgot to end is ended": Guard(
        [TakeOver], "_end_open", "await self.log", "0 and self.log"
    ),
    "what the changelog has was committed": Guard(
        [Forgotten], "_is_concluded", "return has", "return False"
    ),
    "what the changelog does not have was aborted": Guard(
        [Forgotten], "_is_concluded", "return has", "return True"
    ),
    "what somebody has seen was committed": Guard(
        [Forgotten], "_is_seen", "return True", "return False"
    ),
    "what nobody has seen was aborted": Guard(
        [Forgotten], "_is_seen", "return False", "return True"
    ),
    "what stands open is ended on condition of the changelog's end": Guard(
        [Forgotten], "end", "first=end", "first=None", 3_700
    ),
    "a changelog that seems empty is not begun over what stands open": Guard(
        [TakeOver],
        "_restore",
        "await self._end_beginning(writer, topic, bounds.end)",
        "pass",
        7_300,
    ),
}


def _forgetting(world: World) -> None:
    world.forgetting = 0.6


@pytest.mark.parametrize("name", FORGETFUL)
def test_a_guard_against_what_brokers_forget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, FORGETFUL[name])
    assert failing_seed(_forgetting, FORGETFUL[name].begin) is not None


SENT_ON = {
    "readers see what was sent on": Guard(
        [Partition],
        "_committed",
        "for each in appends]",
        "for each in appends if each.topic != prefix + LOG]",
    ),
    "what was sent on and forgotten is ended": Guard(
        [TakeOver], "_end_open", ", *shared]", "]", 2_800
    ),
}


@pytest.mark.parametrize("name", SENT_ON)
def test_a_guard_of_what_is_sent_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, SENT_ON[name])
    monkeypatch.setattr(history, "_DECIDED", 0.4)
    assert failing_seed(_forgetting, SENT_ON[name].begin) is not None


ENDS = {
    "what was made visible is looked at again": Guard(
        [Partition], "_see_to_readers", "await held.writer.end_open(committed=True)", SEEN_ONCE
    ),
    "an end that was forgotten itself is taken up": Guard(
        [Forgotten], "end", "self._is_repeated(opened[0])", "False", 1_000
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_guard_against_forgotten_ends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(world: World) -> None:
        world.forgetting, world.brokers.forgets_ends = 0.6, 0.5

    take_away(monkeypatch, ENDS[name])
    monkeypatch.setattr(history, "_DECIDED", 0.4)
    assert failing_seed(change, ENDS[name].begin) is not None


def test_a_store_that_reflects_what_was_aborted_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(world: World) -> None:
        world.forgetting, world.misfortune, world.zombies = 0.8, 0.02, 0.6

    past = "await self._is_past(topic, before.applied - 1)"
    take_away(monkeypatch, Guard([TakeOver], "_restore", past, "True"))
    assert failing_seed(change, 3_500) is not None  # one seed in three thousand needs it
