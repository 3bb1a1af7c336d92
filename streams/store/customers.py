"""All customers of a partition, as the store has them: for whoever looks at everybody once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from streams.store import keys
from streams.store.port import START, Store

States = list[tuple[bytes, bytes]]
"""Packed states by customer."""


async def pages(store: Store, partition: int, count: int = 1_000) -> AsyncIterator[States]:
    """Yield the states of a partition in pages of about `count`, each customer once.

    The order is that of hashes, so the first are as good a sample as any.

    Raises:
        Unavailable: the store does not answer.
    """
    seen: set[bytes] = set()
    cursor, is_over = START, False
    while not is_over:
        cursor, fields = await store.scan(partition, cursor, count)
        is_over = cursor == START
        states = []
        for name, packed in fields:
            customer = keys.customer_of(name)
            if customer is not None and customer not in seen:
                seen.add(customer)
                states.append((customer, packed))
        if states:
            yield states
