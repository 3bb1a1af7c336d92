"""Every guard of the partition protocol is needed: without it, the simulation fails.

Each test takes one guard away and runs seeds until one fails. A guard is a switch of the simulated
services where the guarantee is theirs, and a piece of the product's text where it is ours.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pytest

from streams import batch, partition, takeover
from streams.marks import Marks
from streams.outbox import Outbox
from streams.partition import Partition
from streams.store.memory import MemoryStore
from streams.takeover import TakeOver
from tests.simulation.chance import point
from tests.simulation.mutation import Guard, failing_seed, take_away
from tests.simulation.store import SimStore
from tests.simulation.world import World

pytestmark = pytest.mark.long

DUEL_STEPS = 5_000


SERVICES: dict[str, tuple[str, str, object]] = {
    "a transaction is visible as a whole": ("log", "atomic", False),
    "a take-over fences the predecessor": ("log", "fences", False),
    "owner and meta change in one call": ("store", "atomic_claim", False),
    "the store is written on condition of the offset": ("store", "offset_checked", False),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_guarantee_of_the_services(name: str) -> None:
    part, switch, value = SERVICES[name]
    assert failing_seed(lambda world: setattr(getattr(world, part), switch, value)) is not None


BATCH = {
    "a batch begins where the position says": Guard(
        [Partition], "process", "before > held.ledger.position.next", "False"
    ),
    "records below the position are skipped": Guard(
        [Partition],
        "process",
        "[r for r in records if r.offset >= held.ledger.position.next]",
        "list(records)",
    ),
    "an unknown outcome ends the writer": Guard(
        [Partition],
        "_committed",
        "last = (await held.writer.transact(appends, first=held.append_at))[0]",
        """last = None
        while last is None:
            try:
                last = (await held.writer.transact(appends))[0]
            except Fenced:
                raise
            except Doubt:
                continue""".replace("\n    ", "\n"),
    ),
    "a transaction begins where the changelog was thought to end": Guard(
        [Partition], "_committed", "first=held.append_at", "first=None", 140
    ),
    "a view must have the owner and the offset that we left": Guard(
        [partition, takeover],
        "checked",
        "meta.owner != held.owner or meta.applied != held.applied",
        "False",
    ),
    "a view must reflect the offset that we left": Guard(
        [partition, takeover], "checked", "meta.applied != held.applied", "False", 200
    ),
    "a view must hold as many fields as were written": Guard(
        [partition, takeover],
        "checked",
        "(meta.fields, meta.dues) != (view.fields, view.dues)",
        "meta.dues != view.dues",
    ),
    "a view must hold as many dues as were written": Guard(
        [partition, takeover],
        "checked",
        "(meta.fields, meta.dues) != (view.fields, view.dues)",
        "meta.fields != view.fields",
    ),
    "a write advances the counts and does not count anew": Guard(
        [MemoryStore],
        "apply",
        "step.applied_at, fields, dues, step.origin",
        "step.applied_at, len(view.fields), len(view.dues), step.origin",
    ),
    "what is too large is set aside": Guard(
        [batch._Run],
        "_about_customer",
        'len(record.value or b"") - brought > EVENT_BYTES_MAX',
        "False",
    ),
    "what is sent to another customer goes out with the states": Guard(
        [Partition], "_committed", "result.sent.items()", "()"
    ),
    "what is sent on leaves its source marks behind": Guard(
        [Outbox],
        "send",
        "() if trace is None else ((outputs.TRACE_HEADER, trace),)",
        "record.headers",
    ),
    "later events follow a merged customer": Guard(
        [batch._Run], "_about_customer", "state is not None and state.moved_to is not None", "False"
    ),
    "source marks drop what ingress sent twice": Guard(
        [Marks], "repeated", "return True", "continue"
    ),
}

TAKE_OVER = {
    "a store that lost single fields is wiped": Guard(
        [Partition], "take_over", "wipe=self._spoilt", "wipe=False"
    ),
    "a store that reflects another changelog is wiped": Guard(
        [TakeOver], "_restore", "before.origin != origin", "not before.origin", 300
    ),
    "what is restored is written on condition of owner and offset": Guard(
        [TakeOver],
        "_apply",
        "self.store.apply(self.number, owner, applied, step)",
        "self.store.apply(self.number, *(await self.store.view(self.number, [])).meta[:2], step)",
    ),
    "the position is the changelog's newest, not the store's": Guard(
        [TakeOver],
        "_restore",
        "if record.key == keys.POSITION and",
        "if position is START and record.key == keys.POSITION and",
    ),
}

TAKE_OVER["who was replaced asks for nobody's help"] = Guard(
    [TakeOver], "_check_log", "await self._confirm(held)", "pass"
)

HISTORY = {
    "eras are kept until everybody is seated": Guard(
        [Partition],
        "_with_position",
        "before.unseated and same_era and cursor == START",
        "before.unseated and same_era",
    ),
    "a new era begins another pass of seating": Guard(
        [Partition],
        "_with_position",
        "before.unseated and same_era and cursor == START",
        "before.unseated and cursor == START",
    ),
    "a pass for another era begins at the beginning": Guard(
        [Partition], "_with_position", "cursor if same_era else START", "cursor"
    ),
    "nothing is settled while somebody is due": Guard(
        [Partition],
        "_with_position",
        "exhausted and same_clock and same_era",
        "same_clock and same_era",
    ),
    "nothing is settled by a batch that moved the clock": Guard(
        [Partition],
        "_with_position",
        "exhausted and same_clock and same_era",
        "exhausted and same_era",
    ),
    "a full page of dues is not the last one": Guard(
        [Partition], "_quiet", "len(due) < limit", "True"
    ),
}


@pytest.mark.parametrize("name", BATCH)
def test_a_guard_of_the_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, BATCH[name])
    assert failing_seed(begin=BATCH[name].begin) is not None


@pytest.mark.parametrize("name", TAKE_OVER)
def test_a_guard_of_the_take_over(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, TAKE_OVER[name])
    assert failing_seed(begin=TAKE_OVER[name].begin) is not None


@pytest.mark.parametrize("name", HISTORY)
def test_a_guard_of_what_happens_by_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, HISTORY[name])
    assert failing_seed(begin=HISTORY[name].begin) is not None


def test_a_step_that_breaks_off_leaves_nothing_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold what brokers forget and somebody aborts: so both faults come often here."""

    def change(world: World) -> None:
        world.forgetting, world.store.scripts_break = 0.6, True

    guard = Guard([SimStore], "_apply_half", "replace(snapshot, meta=EMPTY)", "snapshot", 480)
    take_away(monkeypatch, guard)
    assert failing_seed(change, guard.begin) is not None


class _PlacedByTheGroup(Partition):
    """A partition that believes the consumer group's offset."""

    def __init__(self, world: World, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self._world = world

    async def take_over(self) -> None:
        await super().take_over()
        assert self._held is not None
        ledger = self._held.ledger
        place = msgspec.structs.replace(ledger.position, next=self._world.committed)
        self._held.ledger = replace(ledger, position=place)


def test_the_position_is_the_changelogs_and_not_the_groups() -> None:
    def change(world: World) -> None:
        world.make = partial(_PlacedByTheGroup, world)

    assert failing_seed(change) is not None


@pytest.mark.parametrize("confirmed", [True, False])
def test_only_a_confirmed_member_takes_over(*, confirmed: bool) -> None:
    """Two workers that both take over fence each other for ever."""
    assert _one_of_two_settles(both_confirmed=confirmed) is not confirmed


class _Says(NamedTuple):
    answer: bool

    async def confirmed(self) -> bool:
        await point()
        return self.answer


def _one_of_two_settles(*, both_confirmed: bool) -> bool:
    world = World.of(0)
    world.chance.calm = True
    while world.entries:
        world.append()
    world.start(_Says(True))
    world.start(_Says(both_confirmed))
    for _ in range(DUEL_STEPS):
        for worker in world.workers:
            world.step(worker)
    settled = world.settled()
    world.stop()
    return settled
