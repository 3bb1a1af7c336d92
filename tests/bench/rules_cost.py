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

import yaml

from models.calendar import DAY_S
from rules import catalog
from rules.compiler.compile import compile_book
from tests.bench.inmemory import InMemory
from tests.bench.workload import FIRST_DAY, ZONE, Shop

RETAIL = "retail"
MANY_DIMENSIONS = "45 dimensions, 4 steps, 30 actions"
MANY_RULES = "200 rules"

_DIMENSIONS, _ACTIONS = 45, 30
_RULES = 200


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


def books() -> dict[str, str]:
    """Return the texts by name: `retail`, the largest of the catalogue, and two generated ones."""
    sizes = {name: _dimensions(catalog.text(name)) for name in catalog.NAMES}
    largest = max(sizes, key=lambda name: sizes[name])
    return {
        RETAIL: catalog.text(RETAIL),
        f"{largest}, {sizes[largest]} dimensions": catalog.text(largest),
        MANY_DIMENSIONS: generated(_DIMENSIONS, steps=4, actions=_ACTIONS),
        MANY_RULES: generated(_RULES - 4 - _ACTIONS, steps=4, actions=_ACTIONS),
    }


def generated(dimensions: int, *, steps: int, actions: int) -> str:
    """Return a rulebook of so many dimensions, steps of the ladder and actions.

    What the dimensions ask goes round the facts that customers of the workload have, in the windows
    that rulebooks use, each with a bound of its own.
    """
    return yaml.safe_dump(
        {
            "rulebook": "generated",
            "version": 1,
            "zone": ZONE.name,
            "currency": "GBP",
            "parameters": {
                **{f"bound_{index}": _bound(index) for index in range(dimensions)},
                **{f"step_{index}": _money(250 * index) for index in range(1, steps)},
                **{f"stay_{index}": _money(200 * index) for index in range(1, steps)},
            },
            "dimensions": {f"dimension_{index}": _dimension(index) for index in range(dimensions)},
            "tiers": {"ladder": [_step(index) for index in range(steps)]},
            "churn": {
                "horizon": "90d",
                "bands": {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}},
            },
            "actions": {f"action_{index}": _action(index) for index in range(actions)},
        },
        sort_keys=False,
    )


_WINDOWS_DAYS = (365, 90, 180, 365)
"""The windows of the shipped rulebooks, most of which look back a year."""
_ASKED = (
    ("spend", 150, "GBP"),
    ("orders", 2, "orders"),
    ("average_order", 80, "GBP"),
    ("complaints", 1, "complaints"),
    ("feedback_count", 1, "feedback"),
    ("margin", 50, "GBP"),
    ("largest_order", 120, "GBP"),
)
"""Facts with a window, a bound that divides customers, and its unit."""


def _asked(index: int) -> tuple[str, int, str, int]:
    """Return the fact, bound, unit and window of a dimension; then everything begins again."""
    turn, place = divmod(index, len(_ASKED))
    fact, bound, unit = _ASKED[place]
    rounds, window = divmod(turn, len(_WINDOWS_DAYS))
    return fact, bound * (1 + rounds), unit, _WINDOWS_DAYS[window]


def _bound(index: int) -> dict[str, object]:
    _, bound, unit, _ = _asked(index)
    return {"value": bound, "unit": unit, "why": "divides the workload's customers"}


def _money(value: int) -> dict[str, object]:
    return {"value": value, "unit": "GBP", "why": "divides the workload's customers"}


def _dimension(index: int) -> dict[str, object]:
    fact, _, _, window_days = _asked(index)
    when = f"{fact}(days={window_days}) >= bound_{index}"
    return {"first_match": [{"name": "yes", "when": when}, {"name": "no", "otherwise": True}]}


def _step(index: int) -> dict[str, object]:
    if index == 0:
        return {"name": "step_0"}
    return {
        "name": f"step_{index}",
        "qualify": f"spend(days=365) >= step_{index}",
        "keep": f"spend(days=365) >= stay_{index}",
        "grace": "30d",
    }


def _action(index: int) -> dict[str, object]:
    forms: tuple[dict[str, object], ...] = (
        {"when": f"entered(segment.dimension_{index}, 'yes')", "cooldown": "60d"},
        {"every": "90d", "valid_for": "30d", "while": f"segment.dimension_{index} == 'yes'"},
        {"when": "happened('complaint')", "cooldown": f"{7 + index}d"},
    )
    return forms[index % len(forms)]


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


def _dimensions(text: str) -> int:
    return len(compile_book(text).dimensions)


def _compile_s(text: str) -> float:
    before = perf_counter()
    compile_book(text)
    return perf_counter() - before
