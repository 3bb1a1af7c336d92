"""Purchase histories out of the store: the facts of every customer, as days with a purchase."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from models.calendar import DAY_S, Calendar
from models.churn_coins import Complainer, Grievance
from models.churn_history import Purchases
from models.customer import Facts, unpack
from models.events import SEVERITIES
from models.fold_cases import OUTCOMES, RESOLVED, RETRACTED
from rules.eras import Era, EraRecord
from streams import stored_eras
from streams.store import keys
from streams.store.port import Store

_PAGE = 1_000
_NO_ZONE = "UTC"
_SATISFIED = 1 + OUTCOMES.index("satisfied")  # as states keep it; 0 is no outcome


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What the store holds of all customers. `now`: the slowest partition's clock.

    `era`: what conclusions are drawn with now; None before the first activation.
    """

    purchases: Purchases
    complainers: tuple[Complainer, ...]
    customers: int
    now: int | None
    era: Era | None
    zone: Calendar


async def population(
    store: Store, partitions: int, progress: Callable[[int], None] = lambda _: None
) -> Population:
    """Read all customers; `progress` is told how many so far.

    Raises:
        Unavailable: the store does not answer.
    """
    era, clocks = await newest_era(store, partitions)
    zone = Calendar(_NO_ZONE) if era is None else era.zone
    seen: dict[bytes, Facts] = {}
    for partition in range(partitions):
        cursor, started = 0, False
        while cursor or not started:
            started = True
            cursor, fields = await store.scan(partition, cursor, _PAGE)
            for name, packed in fields:
                customer = keys.customer_of(name)
                if customer is not None:
                    seen[customer] = unpack(packed).facts
            progress(len(seen))
    now = min(clocks) if len(clocks) == partitions else None
    facts = seen.values()
    complainers = () if now is None else complainers_of(facts, now)
    return Population(purchases_of(facts, zone), complainers, len(seen), now, era, zone)


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


async def newest_era(store: Store, partitions: int) -> tuple[Era | None, list[int]]:
    """Return the newest era of any partition, and the clocks of the partitions that have one.

    Raises:
        Unavailable: the store does not answer.
    """
    newest: EraRecord | None = None
    clocks = []
    for partition in range(partitions):
        record, now = await stored_eras.newest(store, partition)
        clocks += [] if now is None else [now]
        if record is not None and (newest is None or record.number > newest.number):
            newest = record
    return None if newest is None else Era(newest), clocks
