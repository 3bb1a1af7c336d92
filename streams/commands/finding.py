"""One customer: as the store has her, or as the log says that she was."""

from __future__ import annotations

from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TextColumn

from models.customer import CustomerState, unpack
from models.events import CustomerEvent
from rules.eras import Era
from streams.commands.common import CommandFailed, Reach, err
from streams.jobs.hindsight import as_of
from streams.ledger import Position
from streams.log.partitioner import partition_for
from streams.store import keys
from streams.stored_eras import standing


@dataclass(frozen=True, slots=True)
class Found:
    """`era`: None while nothing has been concluded about her.

    `history`: her accepted events, in the order of the log, where they were read.
    """

    customer: str
    partition: int
    position: Position
    state: CustomerState
    era: Era | None
    history: tuple[CustomerEvent, ...] = ()


async def find(reached: Reach, customer: str) -> Found:
    """Read a customer from the store.

    Raises:
        CommandFailed: there is nothing about this customer.
        Unavailable: the store does not answer.
    """
    key = customer.encode()
    partition = partition_for(key, reached.catalogue.partitions)
    (packed,) = (await reached.store.view(partition, [keys.customer_field(key)])).values
    position, records = await standing(reached.store, partition)
    if packed is None or position is None:
        raise CommandFailed(
            f"nothing is known of customer {customer!r} (partition {partition}). Is the id written "
            "as in the events? Do the workers run (`tierstream doctor`)?"
        )
    state = unpack(packed)
    era = next((Era(record) for record in records if record.number == state.era), None)
    return Found(customer, partition, position, state, era)


async def find_past(reached: Reach, customer: str, at: int) -> Found:
    """Build a customer again as she was at an instant, from the log.

    Raises:
        CommandFailed: she was erased since, or there is nothing about her.
        OutOfSight: the log does not say.
        Unavailable: the log or the store does not answer.
    """
    await _raise_erased(reached, customer)
    catalogue = reached.catalogue
    with Progress(TextColumn("{task.description}"), BarColumn(), console=err) as bar:
        task = bar.add_task("reading the log", total=None)
        seen = await as_of(
            reached.log,
            reached.settings.app,
            catalogue.partitions,
            customer,
            at,
            catalogue.prefix,
            lambda done, whole: bar.update(task, completed=done, total=whole),
        )
    return Found(customer, seen.partition, seen.position, seen.state, seen.era, seen.history)


async def _raise_erased(reached: Reach, customer: str) -> None:
    """Refuse who was erased, by whichever of her ids: the log has not forgotten her yet."""
    found = await find(reached, customer)
    while found.state.moved_to is not None:
        found = await find(reached, found.state.moved_to)
    if found.state.erased:
        raise CommandFailed(f"{customer} was erased; nothing is told of her past")
