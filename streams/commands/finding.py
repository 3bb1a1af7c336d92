"""One customer as the store has her: the state, and the era that it was concluded under."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from models.customer import CustomerState, unpack
from rules.eras import Era, EraRecord
from streams.commands.common import CommandFailed, Reach
from streams.ledger import Position
from streams.log.partitioner import partition_for
from streams.store import keys


@dataclass(frozen=True, slots=True)
class Found:
    """`era`: None while nothing has been concluded about her."""

    customer: str
    partition: int
    position: Position
    state: CustomerState
    era: Era | None


async def find(reached: Reach, customer: str) -> Found:
    """Read a customer from the store.

    Raises:
        CommandFailed: there is nothing about this customer.
        Unavailable: the store does not answer.
    """
    key = customer.encode()
    partition = partition_for(key, reached.catalogue.partitions)
    names = [keys.customer_field(key), keys.POSITION, keys.BOOK]
    packed, position, slots = (await reached.store.view(partition, names)).values
    if packed is None or position is None:
        raise CommandFailed(
            f"nothing is known of customer {customer!r} (partition {partition}). Is the id written "
            "as in the events? Do the workers run (`tierstream doctor`)?"
        )
    state = unpack(packed)
    eras = msgspec.json.decode(slots or b"[]", type=tuple[int, ...])
    view = await reached.store.view(partition, [keys.era_field(slot) for slot in eras])
    records = [msgspec.json.decode(each, type=EraRecord) for each in view.values if each]
    era = next((Era(record) for record in records if record.number == state.era), None)
    return Found(customer, partition, msgspec.json.decode(position, type=Position), state, era)
