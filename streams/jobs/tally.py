"""What a preview counts: where customers go, how many outputs that makes, and who for example."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.decisions import ActionRequested, AnyDecision, TierChanged
from streams import outputs
from streams.topics import TIER_CURRENT

OTHERS = "(others)"
_CELLS_MAX = 4_096  # of one matrix; a dimension of free texts can have any number

Way = tuple[str, str]  # from, to
Lot = tuple[int, str]  # a hash of an id, and the id


@dataclass(slots=True)
class Cell:
    """The customers who go from one category to another, and some of them by id.

    The sample is chosen by a hash of the id, so it is the same in every run.
    """

    customers: int = 0
    drawn: list[Lot] = field(default_factory=list)

    @property
    def sample(self) -> list[str]:
        """The ids of the sample."""
        return [customer for _, customer in self.drawn]

    def count(self, lot: Lot, sample: int) -> None:
        """Count a customer; `sample` of them are named."""
        self.customers += 1
        drawn = self.drawn
        if len(drawn) < sample or (drawn and lot < drawn[-1]):
            insort(drawn, lot)
            del drawn[sample:]

    def add(self, other: Cell, sample: int) -> None:
        """Count the customers of another cell, too."""
        self.customers += other.customers
        self.drawn = sorted([*self.drawn, *other.drawn])[:sample]


Matrix = dict[Way, Cell]


@dataclass(slots=True)
class Tally:
    """What was counted: `matrices` by dimension, outputs by topic, requests by kind and name.

    `told`: how many customers subscribers would hear of; `soon`: how many of them would leave a
    tier or churn band not long after they came to it.
    """

    customers: int = 0
    told: int = 0
    matrices: dict[str, Matrix] = field(default_factory=dict)
    outputs: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    soon: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally, sample: int) -> None:
        """Add what was counted elsewhere."""
        self.customers += other.customers
        self.told += other.told
        self.outputs += other.outputs
        self.requests += other.requests
        self.soon += other.soon
        for name, matrix in other.matrices.items():
            for way, cell in matrix.items():
                self.go(name, way, cell, sample)

    def go(self, name: str, way: Way, cell: Cell, sample: int) -> None:
        """Count customers who go one way in a matrix."""
        matrix = self.matrices.setdefault(name, {})
        if way not in matrix and len(matrix) >= _CELLS_MAX:
            way = (OTHERS, OTHERS)
        matrix.setdefault(way, Cell()).add(cell, sample)

    def hear(self, decisions: Sequence[AnyDecision]) -> None:
        """Count what subscribers would get about one customer."""
        self.told += bool(decisions)
        for decision in decisions:
            self.outputs[outputs.topic_of(decision)] += 1
            if isinstance(decision, TierChanged):
                self.outputs[TIER_CURRENT] += 1
            if isinstance(decision, ActionRequested):
                self.requests[decision.kind, decision.action] += 1
