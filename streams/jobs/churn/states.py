"""Purchase histories of a deployment: the facts of every customer, as days with a purchase.

They are read out of the store, or built again from the log, which takes longer and no store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from models.calendar import DAY_S, Calendar
from models.churn_coins import Complainer, Grievance
from models.churn_history import Purchases
from models.customer import Facts, unpack
from models.errors import TierstreamError
from models.events import SEVERITIES
from models.fold_cases import OUTCOMES, RESOLVED, RETRACTED
from rules.eras import Era
from streams.jobs.replay import CHUNK, Replay
from streams.ledger import Ledger
from streams.log.port import Log
from streams.store.customers import pages
from streams.store.port import Store
from streams.stored_eras import newest_of_all
from streams.topics import LOG

_NO_ZONE = "UTC"
_SATISFIED = 1 + OUTCOMES.index("satisfied")  # as states keep it; 0 is no outcome


class Forgotten(TierstreamError):
    """The log does not reach back to its beginning; the message says what to do instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What is known of all customers. `now`: the slowest partition's clock.

    `era`: what conclusions are drawn with now; None before the first activation.
    """

    purchases: Purchases
    complainers: tuple[Complainer, ...]
    customers: int
    now: int | None
    era: Era | None
    zone: Calendar

    @property
    def last_day(self) -> int | None:
        """The last local day that is over at the clock: more may still be bought today."""
        return None if self.now is None else self.zone.day(self.now) - 1


async def population(
    store: Store, partitions: int, progress: Callable[[int], None] = lambda _: None
) -> Population:
    """Read all customers; `progress` is told how many so far.

    Raises:
        Unavailable: the store does not answer.
    """
    record, now = await newest_of_all(store, partitions)
    era = None if record is None else Era(record)
    seen: list[Facts] = []
    for partition in range(partitions):
        async for states in pages(store, partition):
            seen += [unpack(packed).facts for _, packed in states]
            progress(len(seen))
    return _population(seen, era, now)


async def population_of_log(
    log: Log,
    app: str,
    partitions: int,
    prefix: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Population:
    """Build all customers again from the log; `progress` is told how many so far.

    Raises:
        Forgotten: the log no longer holds its beginning.
        Unavailable: the log cannot be read.
    """
    seen: list[Facts] = []
    ledgers: list[Ledger] = []
    for partition in range(partitions):
        start, end = await log.bounds(prefix + LOG, partition)
        if start > 0:
            raise Forgotten(
                f"the log of partition {partition} has lost its beginning (it starts at record "
                f"{start:,}), so customers cannot be built again; leave --log out to read the store"
            )
        replay = Replay(app, partition, partitions)
        async for records, reached in log.read(prefix + LOG, partition, 0, end, CHUNK):
            replay.take(records, reached)
            progress(len(seen) + len(replay.states))
        seen += [unpack(packed).facts for packed in replay.states.values()]
        ledgers.append(replay.ledger)
    eras = [ledger.eras[-1] for ledger in ledgers if ledger.eras]
    clocks = [each.position.now for each in ledgers if each.position.now is not None]
    era = max(eras, key=lambda each: each.number, default=None)
    return _population(seen, era, min(clocks) if len(clocks) == partitions else None)


def _population(facts: Collection[Facts], era: Era | None, now: int | None) -> Population:
    zone = Calendar(_NO_ZONE) if era is None else era.zone
    complainers = () if now is None else complainers_of(facts, now)
    return Population(purchases_of(facts, zone), complainers, len(facts), now, era, zone)


def purchases_of(facts: Iterable[Facts], zone: Calendar) -> Purchases:
    """Return the days with a purchase of customers who have bought, in their order.

    Days beyond a state's retention stand together on the first of them; a customer who bought in
    other currencies only counts with amounts of 0.
    """
    rows: list[tuple[int, int, int, int]] = []
    buyers = (each for each in facts if each.first_purchase_at is not None)
    for index, each in enumerate(buyers):
        assert each.first_purchase_at is not None
        older = each.purchase_days - len(each.days)
        if older > 0:
            rows.append((index, zone.day(each.first_purchase_at), each.pruned_net_minor, older))
        rows += [(index, day, net, 1) for day, net in zip(each.days, each.net_minor, strict=True)]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return Purchases(columns[0], columns[1], columns[2].astype(np.float64), columns[3])


def complainers_of(facts: Iterable[Facts], now: int) -> tuple[Complainer, ...]:
    """Return the histories of buyers who have complained since their first purchase.

    As in `rules.churn_risk`, a complaint without a severity counts as low, and one that was taken
    back not at all. `now` is in seconds.
    """
    found = []
    for each in facts:
        first, last = each.first_purchase_at, each.last_purchase_at
        if first is None or last is None:
            continue
        grievances = tuple(
            Grievance(
                (case.opened_at - first) / DAY_S,
                SEVERITIES[max(0, case.detail[2] - 1)],
                case.status[1] == RESOLVED and case.status[2] == _SATISFIED,
            )
            for case in each.complaints
            if case.opened_at is not None
            and first <= case.opened_at <= now
            and case.status[1] != RETRACTED
        )
        if grievances:
            last_age_days, age_days = ((at - first) / DAY_S for at in (last, max(now, last)))
            found.append(Complainer(each.purchase_days - 1, last_age_days, age_days, grievances))
    return tuple(found)
