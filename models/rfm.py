"""RFM grades: recency, frequency and monetary value, each cut into fifths of the buyers.

A grade is 1 to 5, 5 the best: one more than the number of cuts below the value, so that equal
values have equal grades in whatever order they come; recency runs the other way. The cuts are the
quintiles of all buyers, interpolated between neighbours (type 7 of Hyndman and Fan, "Sample
Quantiles in Statistical Packages", The American Statistician 50(4), 1996).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from statistics import quantiles
from typing import NamedTuple, TypeAlias

GRADES = 5

Cuts: TypeAlias = tuple[float, float, float, float]
"""Between the grades, rising."""


class Habits(NamedTuple):
    """What a buyer is graded on: days since the last purchase, orders, spend in minor units."""

    recency_days: int
    orders: int
    spend_minor: int


class Grades(NamedTuple):
    """A buyer's grades of recency, frequency and monetary value."""

    r: int
    f: int
    m: int


class RfmCuts(NamedTuple):
    """The cuts of days, of orders, and of minor units."""

    recency: Cuts
    frequency: Cuts
    monetary: Cuts

    def grades(self, habits: Habits) -> Grades:
        """Grade a buyer.

        >>> cuts = RfmCuts((10, 30, 60, 90), (1, 2, 3, 6), (500, 1_000, 2_000, 5_000))
        >>> cuts.grades(Habits(recency_days=12, orders=7, spend_minor=500))
        Grades(r=4, f=5, m=1)
        """
        return Grades(
            GRADES - bisect_left(self.recency, habits.recency_days),
            1 + bisect_left(self.frequency, habits.orders),
            1 + bisect_left(self.monetary, habits.spend_minor),
        )


def cuts_of(buyers: Sequence[Habits]) -> RfmCuts:
    """Return the cuts that divide buyers into fifths.

    Raises:
        ValueError: there are fewer buyers than grades.
    """
    if len(buyers) < GRADES:
        message = f"{len(buyers)} buyers cannot be cut into {GRADES} grades"
        raise ValueError(message)
    return RfmCuts(*(_quintiles(values) for values in zip(*buyers, strict=True)))


def _quintiles(values: Iterable[int]) -> Cuts:
    first, second, third, fourth = quantiles(values, n=GRADES, method="inclusive")
    return first, second, third, fourth
