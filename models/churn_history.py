"""Purchase histories of many customers at once, as the churn model is fitted and measured on them.

Everything is in whole days: a customer buys on a day or does not, and ages are differences of day
numbers. Other than the functions on the path of an event (`models.churn`) this works on arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_DAY_BITS = 20  # 2^20 days are 2,870 years
_HORIZON_GAPS = 2.0  # twice the gap that 80 % of gaps do not exceed: silence beyond it is unusual
_HORIZON_QUANTILE = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """What the model needs of each history (see `models.churn`), and how many customers share it.

    All arrays have one length; `repeats` is x, ages are whole days, 0 <= last_age <= age.
    """

    repeats: Ints
    last_age_days: Ints
    age_days: Ints
    customers: Ints

    def __len__(self) -> int:
        return len(self.repeats)

    def distinct(self) -> Histories:
        """Return each distinct history once: a million customers share a few hundred thousand."""
        key = (self.repeats << 2 * _DAY_BITS) | (self.last_age_days << _DAY_BITS) | self.age_days
        _, first, index = np.unique(key, return_index=True, return_inverse=True)
        customers = np.bincount(index, weights=self.customers).astype(np.int64)
        return Histories(
            self.repeats[first], self.last_age_days[first], self.age_days[first], customers
        )

    def take(self, which: Flags | Ints) -> Histories:
        """Return some of the rows."""
        return Histories(
            self.repeats[which],
            self.last_age_days[which],
            self.age_days[which],
            self.customers[which],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """Days with a purchase: a row for each customer and day, sorted by customer, then by day.

    `customer` is an index, `day` a day number, `amount` what was spent on it (in any one unit).
    `purchase_days` is 1, except where a row stands for days that are known only by their number: a
    state keeps single days for some years, and of older ones the first day and how many there were.
    """

    customer: Ints
    day: Ints
    amount: Floats
    purchase_days: Ints

    @classmethod
    def of(
        cls,
        customer: Sequence[int] | Ints,
        day: Sequence[int] | Ints,
        amount: Sequence[float] | Floats,
    ) -> Purchases:
        """Return purchases (in any order) by day: what a customer buys on one day is one."""
        customers, days = np.asarray(customer, np.int64), np.asarray(day, np.int64)
        base = int(days.min()) if len(days) else 0
        keys = (customers << _DAY_BITS) | (days - base)
        distinct, index = np.unique(keys, return_inverse=True)
        spent = np.bincount(index, weights=np.asarray(amount)).astype(np.float64)
        single = np.ones(len(distinct), np.int64)
        return cls(distinct >> _DAY_BITS, (distinct & ((1 << _DAY_BITS) - 1)) + base, spent, single)

    def between(self, first_day: int, last_day: int) -> Purchases:
        """Return the purchases of the days `first_day` to `last_day`, both included."""
        inside = (self.day >= first_day) & (self.day <= last_day)
        return Purchases(
            self.customer[inside],
            self.day[inside],
            self.amount[inside],
            self.purchase_days[inside],
        )

    def until(self, day: int) -> Purchases:
        """Return the purchases up to the end of a day."""
        return self.between(np.iinfo(np.int64).min, day)

    def gaps_days(self) -> Ints:
        """Return the days from each purchase to the same customer's next one."""
        same = self.customer[1:] == self.customer[:-1]
        gaps: Ints = np.diff(self.day)[same & (self.purchase_days[:-1] == 1)]
        return gaps


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All customers as they stood at the end of a day; `customer` indexes as in the purchases."""

    day: int
    customer: Ints
    histories: Histories
    mean_amount: Floats
    """What each spent on a purchase day, on average."""


def snapshot(purchases: Purchases, day: int) -> Snapshot:
    """Return the customers who had bought by the end of a day, as they stood then."""
    known = purchases.until(day)
    customer, start = np.unique(known.customer, return_index=True)
    if not len(customer):
        none = np.zeros(0, np.int64)
        return Snapshot(day, customer, Histories(none, none, none, none), none.astype(np.float64))
    end = np.append(start[1:], len(known.customer)) - 1
    bought = np.add.reduceat(known.purchase_days, start)
    first, last = known.day[start], known.day[end]
    histories = Histories(bought - 1, last - first, day - first, np.ones_like(bought))
    return Snapshot(day, customer, histories, np.add.reduceat(known.amount, start) / bought)


def churned(purchases: Purchases, taken: Snapshot, horizon_days: int) -> Flags:
    """Return who of a snapshot's customers bought nothing in the `horizon_days` days after it."""
    later = purchases.between(taken.day + 1, taken.day + horizon_days)
    return ~np.isin(taken.customer, later.customer)


def usual_horizon_days(purchases: Purchases) -> int | None:
    """Return the horizon that suits a population: twice the 80th percentile of its gaps.

    A rule of thumb: whoever is silent for longer than the population's long gaps is unusual, and
    twice that leaves room for one of them. None where nobody has bought twice.
    """
    gaps = purchases.gaps_days()
    if not len(gaps):
        return None
    return max(1, round(_HORIZON_GAPS * float(np.quantile(gaps, _HORIZON_QUANTILE))))
