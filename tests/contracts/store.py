"""What every store must do, whatever it is made of. A module that binds the suite gives `store`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streams.store.port import EMPTY, START, Meta, Step, Store

P = 3
ME, OTHER = "a" * 32, "b" * 32


def step(
    applied: int,
    fields: dict[bytes, bytes] | None = None,
    dues: dict[bytes, int | None] | None = None,
    origin: str = "origin-1",
) -> Step:
    return Step(applied, 1_700_000_000 + applied, origin, fields or {}, dues or {})


async def scan_all(store: Store, partition: int = P, count: int = 100) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    cursor = START
    for _ in range(100_000):
        cursor, page = await store.scan(partition, cursor, count)
        found.update(page)
        if cursor == START:
            return found
    raise AssertionError("the scan does not end")


async def check_scan_beyond_a_restart(store: Store, restart: Callable[[], Awaitable[None]]) -> None:
    """Restart the server in the middle of a pass, with all that it holds: none may be missed."""
    fields = {b"c:%d" % number: b"v" * 80 for number in range(2_000)}
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, fields))
    for pages_before in (1, 5, 9):
        cursor, found = START, set[bytes]()
        for _ in range(pages_before):
            cursor, page = await store.scan(P, cursor, 100)
            found.update(name for name, _ in page)
        assert cursor != START
        await restart()
        while cursor != START:
            cursor, page = await store.scan(P, cursor, 100)
            found.update(name for name, _ in page)
        assert found == fields.keys()


class StoreContract:
    """The suite."""

    async def test_a_first_claim_finds_nothing(self, store: Store) -> None:
        assert await store.claim(P, ME) == EMPTY
        assert await store.view(P, [b"x"]) == (EMPTY._replace(owner=ME), 0, 0, [None])

    async def test_a_claim_returns_meta_as_it_was_and_keeps_the_rest(self, store: Store) -> None:
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(7, {b"x": b"1", b"y": b"2"}, {b"c": 5}))
        was = Meta(ME, 7, 1_700_000_007, 2, 1, "origin-1")
        assert await store.claim(P, OTHER) == was
        assert (await store.view(P, [b"y"])) == (was._replace(owner=OTHER), 2, 1, [b"2"])

    async def test_of_many_claims_each_sees_the_one_before(self, store: Store) -> None:
        owners = [f"{number:032x}" for number in range(20)]
        seen = await asyncio.gather(*(store.claim(P, owner) for owner in owners))
        last = (await store.view(P, [])).meta.owner
        assert sorted([meta.owner for meta in seen] + [last]) == sorted(["", *owners])

    async def test_partitions_are_apart(self, store: Store) -> None:
        await store.claim(P, ME)
        await store.claim(P + 1, OTHER)
        assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}, {b"c": 5}))
        assert await store.view(P + 1, [b"x"]) == (EMPTY._replace(owner=OTHER), 0, 0, [None])
        assert await store.due(P + 1, 10, 10) == []

    @pytest.mark.parametrize(
        ("owner", "applied"), [(OTHER, 7), (ME, 6), (ME, 8), (ME, 0), (ME, 70)]
    )
    async def test_an_apply_on_another_view_is_refused_whole(
        self, store: Store, owner: str, applied: int
    ) -> None:
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(7, {b"x": b"1"}, {b"c": 5}))
        before = await store.view(P, [b"x", b"z"])
        refused = step(9, {b"x": b"2", b"z": b"3"}, {b"c": None, b"d": 1}, "origin-2")
        assert not await store.apply(P, owner, applied, refused)
        assert await store.view(P, [b"x", b"z"]) == before
        assert await store.due(P, 10, 10) == [b"c"]

    async def test_nothing_is_applied_where_nobody_claimed(self, store: Store) -> None:
        assert not await store.apply(P, ME, 0, step(1, {b"x": b"1"}))
        assert await store.view(P, [b"x"]) == (EMPTY, 0, 0, [None])

    async def test_an_apply_of_nothing_moves_meta(self, store: Store) -> None:
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(4))
        assert (await store.view(P, [])).meta == Meta(ME, 4, 1_700_000_004, 0, 0, "origin-1")

    async def test_counts_follow_the_fields_and_dues(self, store: Store) -> None:
        await store.claim(P, ME)
        first = step(1, {b"x": b"1", b"y": b"1"}, {b"c": 5, b"d": 6, b"e": 7})
        second = step(2, {b"y": b"2", b"z": b"2"}, {b"c": 9, b"d": None, b"unknown": None})
        assert await store.apply(P, ME, 0, first)
        assert await store.apply(P, ME, 1, second)
        view = await store.view(P, [b"z", b"missing", b"x", b"y", b"z"])
        assert view.values == [b"2", None, b"1", b"2", b"2"]
        assert (view.fields, view.dues) == (view.meta.fields, view.meta.dues) == (3, 2)

    async def test_values_are_bytes_of_any_kind(self, store: Store) -> None:
        odd = {
            b"\x00\xff \r\n": bytes(range(256)),
            b"empty": b"",
            "客户".encode(): b"$3\r\n",
            b"large": b"x" * 600_000,
        }
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(1, odd))
        assert (await store.view(P, list(odd))).values == list(odd.values())
        assert await scan_all(store) == odd

    async def test_a_wipe_forgets_everything_and_changes_the_owner(self, store: Store) -> None:
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(7, {b"x": b"1"}, {b"c": 5}))
        assert await store.wipe(P, ME, OTHER)
        assert await store.view(P, [b"x"]) == (EMPTY._replace(owner=OTHER), 0, 0, [None])
        assert await store.due(P, 10, 10) == []
        assert await scan_all(store) == {}
        assert not await store.apply(P, ME, 0, step(1, {b"x": b"2"}))
        assert await store.apply(P, OTHER, 0, step(1, {b"x": b"2"}))

    async def test_a_wipe_by_another_is_refused(self, store: Store) -> None:
        assert not await store.wipe(P, ME, ME)
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(7, {b"x": b"1"}, {b"c": 5}))
        assert not await store.wipe(P, OTHER, OTHER)
        assert not await store.wipe(P, ME[:-1], ME)
        assert (await store.view(P, [b"x"])).values == [b"1"]

    async def test_due_customers_come_earliest_first(self, store: Store) -> None:
        await store.claim(P, ME)
        dues: dict[bytes, int | None] = {b"late": 30, b"b": 20, b"a": 20, b"early": 4, b"past": -9}
        assert await store.apply(P, ME, 0, step(1, dues=dues))
        assert await store.due(P, 20, 10) == [b"past", b"early", b"a", b"b"]
        assert await store.due(P, 20, 2) == [b"past", b"early"]
        assert await store.due(P, 19, 10) == [b"past", b"early"]
        assert await store.due(P, -10, 10) == []

    async def test_dues_move_and_go(self, store: Store) -> None:
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(1, dues={b"a": 1, b"b": 2, b"c": 3}))
        assert await store.apply(P, ME, 1, step(2, dues={b"a": 9, b"b": None, b"d": 4}))
        assert await store.due(P, 10, 10) == [b"c", b"d", b"a"]
        assert await store.due(P, 10, 10) == [b"c", b"d", b"a"]  # asking takes nothing away

    async def test_instants_keep_their_seconds(self, store: Store) -> None:
        far = 253_402_300_799  # the last second of the year 9999
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(1, dues={b"a": far, b"b": far - 1}))
        assert await store.due(P, far - 1, 10) == [b"b"]

    async def test_one_step_may_be_large(self, store: Store) -> None:
        names = [b"c:%d" % number for number in range(20_001)]
        fields = {name: name * 2 for name in names}
        await store.claim(P, ME)
        dues: dict[bytes, int | None] = {name: at for at, name in enumerate(names)}
        assert await store.apply(P, ME, 0, step(1, fields, dues))
        view = await store.view(P, [*names, b"missing"])
        assert view.values == [*fields.values(), None]
        assert (view.fields, view.dues) == (20_001, 20_001)
        assert await store.due(P, 20_001, 15_000) == names[:15_000]
        assert await store.apply(P, ME, 1, step(2, dues=dict.fromkeys(names[1:])))
        assert await store.due(P, 20_001, 10) == names[:1]

    @pytest.mark.parametrize("size", [0, 1, 50, 3_000])
    async def test_a_scan_finds_every_field(self, store: Store, size: int) -> None:
        fields = {b"c:%d" % number: b"%d" % number for number in range(size)}
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(1, fields))
        assert await scan_all(store) == fields

    async def test_a_scan_finds_what_is_there_all_the_time(self, store: Store) -> None:
        stable = {b"c:%d" % number: b"v" * 80 for number in range(2_000)}
        await store.claim(P, ME)
        assert await store.apply(P, ME, 0, step(1, stable))
        found: set[bytes] = set()
        cursor, applied = START, 1
        while True:
            cursor, page = await store.scan(P, cursor, 200)
            found.update(name for name, _ in page)
            if cursor == START:
                break
            if applied < 60:  # the hash grows to several times its size meanwhile
                new = {b"new:%d:%d" % (applied, number): b"w" for number in range(100)}
                assert await store.apply(P, ME, applied, step(applied + 1, new))
                applied += 1
        assert found >= stable.keys()

    async def test_of_two_steps_from_one_view_one_is_refused(self, store: Store) -> None:
        await store.claim(P, ME)
        steps = [step(5, {b"x": b"%d" % number}) for number in range(10)]
        done = await asyncio.gather(*(store.apply(P, ME, 0, each) for each in steps))
        assert sum(done) == 1
        assert (await store.view(P, [b"x"])).values == [b"%d" % done.index(True)]
