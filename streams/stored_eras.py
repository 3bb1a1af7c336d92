"""Eras and position as readers find them in the store, and when a model was activated.

For whoever is not the partition's owner; the owner has its ledger.
"""

from __future__ import annotations

import msgspec

from rules.eras import EraRecord
from streams.ledger import Position
from streams.log.port import Log
from streams.store import keys
from streams.store.port import Store


async def standing(store: Store, partition: int) -> tuple[Position | None, tuple[EraRecord, ...]]:
    """Return a partition's position, and the eras that it needs, in rising order.

    Raises:
        Unavailable: the store does not answer.
    """
    position, book = (await store.view(partition, [keys.POSITION, keys.BOOK])).values
    slots = msgspec.json.decode(book or b"[]", type=tuple[int, ...])
    view = await store.view(partition, [keys.era_field(slot) for slot in slots])
    records = [msgspec.json.decode(each, type=EraRecord) for each in view.values if each]
    return (
        None if position is None else msgspec.json.decode(position, type=Position),
        tuple(sorted(records, key=lambda record: record.number)),
    )


async def newest(store: Store, partition: int) -> EraRecord | None:
    """Return the newest era of a partition, None where there is none.

    Raises:
        Unavailable: the store does not answer.
    """
    _, eras = await standing(store, partition)
    return eras[-1] if eras else None


async def newest_of_all(store: Store, partitions: int) -> tuple[EraRecord | None, int | None]:
    """Return the newest era of any partition, and the slowest partition's clock.

    None where there is no era, and where the clock has not started in every partition.

    Raises:
        Unavailable: the store does not answer.
    """
    found = [await standing(store, partition) for partition in range(partitions)]
    eras = (era for _, eras in found for era in eras)
    clocks = [position.now for position, _ in found if position and position.now is not None]
    slowest = min(clocks) if len(clocks) == partitions else None
    return max(eras, key=lambda era: era.number, default=None), slowest


async def activated_at(log: Log, control_topic: str, era: EraRecord | None) -> int | None:
    """Return when an era's churn model was activated, in seconds since 1970.

    None for the default model, and where the control topic has forgotten it.

    Raises:
        Unavailable: the control topic could not be read.
    """
    if era is None or era.model is None:
        return None
    number, since = era.model.number, None
    async for records, _ in log.read(control_topic, 0, number, number + 1):
        since = next((each.timestamp for each in records if each.offset == number), since)
    return since
