"""What rules cost: the customers role's computation per event, under larger and larger rulebooks.

`Batch.compute` runs on the workload's events in memory, without Kafka or Redis. Every rulebook sees
the same events in the same batches, and the rulebooks take turns batch by batch, so that whatever
else the machine does falls on all of them alike. A figure is a median over batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from models.calendar import DAY_S
from rules.compiler.compile import compile_book
from tests.bench.books import RETAIL, books
from tests.bench.inmemory import InMemory
from tests.bench.workload import FIRST_DAY, ZONE, Shop


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    customers: int = 2_000
    days: int = 300
    events_per_day: int = 70  # 13 a customer and year, as where throughput is measured
    warm_days: int = 200


@dataclass(frozen=True, slots=True)
class BookCost:
    """What one rulebook costs per event in µs (medians over days), and to compile.

    `timers_us`: what fires by itself on the same day, shared out over the day's events. `ratio`:
    both together, in relation to `retail`.
    """

    name: str
    event_us: float
    timers_us: float
    ratio: float
    compile_s: float


def rules_cost(extent: Extent, told: Callable[[str], None]) -> list[BookCost]:
    """Measure all rulebooks, `retail` first."""
    texts = books()
    compile_s = {name: _compile_s(text) for name, text in texts.items()}
    runs = [_Run(name, text) for name, text in texts.items()]
    shop = Shop(extent.customers, partitions=1)
    visits = shop.by_habit(extent.days * extent.events_per_day)
    start = ZONE.start(FIRST_DAY - 1)
    customers = [customer for customer, _ in shop.homes()]
    known = [(customer, shop.profile(n, start)) for n, customer in enumerate(customers)]
    for run in runs:
        run.day(start, known, is_measured=False)
    for index, (begin, happenings) in enumerate(shop.days(visits, FIRST_DAY, extent.days)):
        told(f"rules: day {index + 1} of {extent.days}")
        events = [(happening.customer, happening.canonical()) for happening in happenings]
        turn = index % len(runs)
        for run in runs[turn:] + runs[:turn]:  # nobody is always last
            run.day(begin, events, is_measured=index >= extent.warm_days)
    whole = {run.name: median(map(sum, run.costs_us)) for run in runs}
    return [
        BookCost(
            run.name,
            event_us=median(event_us for event_us, _ in run.costs_us),
            timers_us=median(timers_us for _, timers_us in run.costs_us),
            ratio=whole[run.name] / whole[RETAIL],
            compile_s=compile_s[run.name],
        )
        for run in runs
    ]


class _Run:
    """One rulebook's turn at the events.

    `costs_us`: by measured day, what its events cost and what its timers cost, both per event.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.costs_us: list[tuple[float, float]] = []
        self._computed = InMemory(name, text)

    def day(self, begin: int, events: Sequence[tuple[bytes, bytes]], *, is_measured: bool) -> None:
        """Move the clock to a day, let the timers fire, and take the day's events."""
        computed = self._computed
        computed.tick(begin)
        before_s = computed.seconds
        computed.fire(begin)
        fired_s = computed.seconds
        computed.take(events, begin + DAY_S)
        if is_measured:
            per_event = 1e6 / len(events)
            timers_us = (fired_s - before_s) * per_event
            self.costs_us.append(((computed.seconds - fired_s) * per_event, timers_us))


def _compile_s(text: str) -> float:
    before = perf_counter()
    compile_book(text)
    return perf_counter() - before
