"""A preview of every customer in the store: read page by page, computed in other processes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import msgspec

from models.errors import TierstreamError
from streams.jobs.preview import Basis, previewed
from streams.jobs.tally import Tally
from streams.store.customers import pages
from streams.store.port import Store
from streams.stored_eras import standing

_PENDING_MAX = 16  # pages that wait to be computed, or are: some megabytes


class NothingToPreview(TierstreamError):
    """The store has no customers yet, or their clock has not started."""


async def census(
    store: Store,
    partitions: int,
    draft: Basis,
    executor: Executor,
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> Tally:
    """Preview all customers; `draft` has what does not depend on the partition.

    `progress` is told how many customers are done, and about how many there are.

    Raises:
        NothingToPreview: nothing has been concluded about anybody yet.
        RulesChanged: another rulebook came into force meanwhile.
        Unavailable: the store does not answer.
    """
    loop = asyncio.get_running_loop()
    bases = {n: await based(store, n, draft) for n in range(partitions)}
    whole = sum([(await store.view(n, ())).fields for n, basis in bases.items() if basis])
    tally, pending = Tally(), deque[asyncio.Future[Tally]]()

    async def count() -> None:
        tally.add(await pending.popleft(), draft.sample)
        progress(tally.customers, whole)

    try:
        for partition, basis in bases.items():
            if basis is None:
                continue
            encoded = msgspec.json.encode(basis)
            async for states in pages(store, partition):
                pending.append(loop.run_in_executor(executor, previewed, encoded, states))
                if len(pending) >= _PENDING_MAX:
                    await count()
        while pending:
            await count()
    finally:
        # One page that fails is told by what it raises; nobody asks for the others any more.
        for page in pending:
            page.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    progress(tally.customers, tally.customers)  # fields are not customers only
    if not tally.customers:
        raise NothingToPreview(
            "there is no customer to preview the rulebook with. Do the workers run, and has the "
            "clock started (`tierstream clock status`)?"
        )
    return tally


async def based(store: Store, partition: int, draft: Basis) -> Basis | None:
    """Return what a partition's customers are previewed with; None while its clock stands still."""
    position, eras = await standing(store, partition)
    if position is None or position.now is None:
        return None
    return msgspec.structs.replace(
        draft, now=position.now, first_tick=position.first_tick, eras=eras
    )
