"""The in-memory store keeps the contract, and loses what it is told to lose."""

import pytest

from streams.store.memory import MemoryStore
from streams.store.port import EMPTY
from tests.contracts.store import ME, P, StoreContract, step


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestMemoryStore(StoreContract):
    """The shared suite, in memory."""


async def test_a_snapshot_brings_an_older_view_back(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}, {b"c": 5}))
    older, view = store.snapshot(P), await store.view(P, [b"x"])
    for applied in (1, 2):
        assert await store.apply(P, ME, applied, step(applied + 1, {b"x": b"2"}, {b"c": None}))
    for _ in range(2):
        store.restore(P, older)
        assert await store.view(P, [b"x"]) == view
        assert await store.due(P, 5, 1) == [b"c"]
        assert await store.apply(P, ME, 1, step(9, {b"x": b"3"}, {b"c": None}))


async def test_lost_parts_show_in_the_counts(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1", b"y": b"2"}, {b"c": 5, b"d": 6}))
    store.lose_fields(P, [b"x", b"unknown"])
    store.lose_dues(P, [b"d"])
    view = await store.view(P, [b"x", b"y"])
    assert view.values == [None, b"2"]
    assert (view.fields, view.meta.fields) == (1, 2)
    assert (view.dues, view.meta.dues) == (1, 2)


async def test_losing_everything_loses_the_owner(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}))
    store.lose(P)
    assert await store.view(P, [b"x"]) == (EMPTY, 0, 0, [None])
    assert not await store.apply(P, ME, 1, step(2))
