"""Going through all customers of a partition."""

from __future__ import annotations

import pytest

from streams.store import keys
from streams.store.customers import pages
from streams.store.memory import MemoryStore
from streams.store.port import Cursor, Step

WHO = {b"anna": b"1", b"bert": b"2", b"carl": b"3"}


class Repeating(MemoryStore):
    """Returns each page together with the one before, as a hash that grows may."""

    async def scan(
        self, partition: int, cursor: Cursor, count: int
    ) -> tuple[Cursor, list[tuple[bytes, bytes]]]:
        """See `Store.scan`."""
        following, page = await super().scan(partition, cursor, count)
        _, first = await super().scan(partition, "", count)
        return following, [*first, *page]


@pytest.mark.parametrize("store", [MemoryStore(), Repeating()], ids=["once", "repeating"])
async def test_each_customer_comes_once_and_nothing_else_does(store: MemoryStore) -> None:
    await store.claim(0, "me")
    fields = {keys.customer_field(name): state for name, state in WHO.items()}
    await store.apply(0, "me", 0, Step(1, 1, "o", {keys.POSITION: b"{}", **fields}, {}))
    for count in (1, 2, 10):
        found = [each async for page in pages(store, 0, count) for each in page]
        assert sorted(found) == sorted(WHO.items())


async def test_of_nobody_there_is_no_page() -> None:
    assert [page async for page in pages(MemoryStore(), 0)] == []
