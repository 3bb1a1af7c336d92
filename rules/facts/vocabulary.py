"""What a fact of the vocabulary is: its unit, arguments and motion. The facts are in `facts`.

A fact is read by a function of what the log says of a customer, the rulebook's zone, and today's
day number or, where it takes `days` and `period`, the window that they name. All further parameters
are arguments of the fact, and what each may be follows from its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from inspect import Parameter, cleandoc, signature
from typing import Any, Literal, TypeAlias

from models.calendar import Calendar
from models.customer import Facts
from models.events import SEVERITIES
from models.fold_cases import COMPLAINT_TYPES, METRICS, POLARITIES, TOPICS
from models.fold_sales import CHANNELS
from rules.facts.arguments import Argument
from rules.facts.windows import PERIODS, window

Motion: TypeAlias = Literal["still", "falls", "nets", "exits", "rises", "turns"]
# What a fact is read from; whoever has none of it need not be asked.
Cases: TypeAlias = Literal[
    "categories", "complaints", "days", "feedback", "profile", "relations", "series"
]
Read: TypeAlias = Callable[..., Any]
Source: TypeAlias = Callable[..., Any]


class Unit(StrEnum):
    """What a value is counted in; only equal units can be compared, added or subtracted."""

    MONEY = "money"
    ORDERS = "orders"
    COMPLAINTS = "complaints"
    FEEDBACK = "feedback"
    ACTIVITIES = "activities"
    DAYS = "days"
    YEARS = "years"
    QUANTITY = "quantity"
    CUSTOMERS = "customers"
    SHARE = "share"
    SCORE = "score"
    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One fact: `read(facts, zone, today, **arguments)` gives its value, None if unknown.

    `function` is the same without the look-up of the window: it takes a `Span` in place of today
    where the fact is `windowed`. `source` takes the customer, the zone and the arguments that are
    not of the window; `of` computes the value from what it returns and the window.
    """

    name: str
    unit: Unit
    motion: Motion
    unknown: bool  # whether it can be unknown
    about: str
    arguments: Mapping[str, Argument]
    function: Read
    source: Source | None
    of: Read | None = None
    balance: Read | None = None  # `function` where its value is not cut off at 0
    windowed: bool = False
    reads: Cases | None = None  # without any of these it has no data
    positional: int = 0  # how many arguments are given without their name
    one_of: tuple[str, ...] = ()  # arguments of which only one can be given,
    needs_one: bool = False  # and one must be
    texts: Mapping[str, tuple[str, ...]] | None = None  # all that it can be, by its one argument

    @property
    def read(self) -> Read:
        """The function of the facts, the zone and today."""
        return partial(_in_window, self.function) if self.windowed else self.function

    def owed(self, facts: Facts, zone: Calendar, today: int, **arguments: Any) -> int:  # noqa: ANN401
        """Return how far the value would lie below 0 if it could."""
        if self.balance is None:
            return 0
        lies_at: int = _in_window(self.balance, facts, zone, today, **arguments)
        return max(0, -lies_at)

    def conflict(self, given: Collection[str]) -> str | None:
        """Return what is wrong with the arguments of these names together, if anything."""
        if "days" in given and "period" in given:
            return f"{self.name}: a window is `days` or `period`, not both"
        several = [name for name in self.one_of if name in given]
        if len(several) > 1:
            return f"{self.name}: {' and '.join(several)} cannot be combined"
        if self.needs_one and not several:
            return f"{self.name} needs one of: {', '.join(self.one_of)}"
        return None


_ARGUMENTS: dict[str, Argument] = {
    "days": Argument("days"),
    "period": Argument("choice", choices=PERIODS),
    "severity": Argument("choice", choices=SEVERITIES),
    "severity_from": Argument("choice", choices=SEVERITIES),
    "type": Argument("choice", choices=COMPLAINT_TYPES),
    "polarity": Argument("choice", choices=POLARITIES),
    "metric": Argument("choice", choices=METRICS),
    "topic": Argument("choice", choices=TOPICS),
    "channel": Argument("choices", choices=CHANNELS),
    "category": Argument("texts"),
    "attribute": Argument("list"),
    "date": Argument("date"),
    "custom": Argument("custom"),
    "purpose": Argument("choice", choices=("profiling", "sensitive", "marketing")),
    "rank": Argument("whole"),
    "half_life": Argument("days"),
    "penalty": Argument("points"),
}
_TEXT = Argument("text")

VOCABULARY: dict[str, FactSpec] = {}


def fact(
    unit: Unit,
    motion: Motion,
    *,
    source: Source | None = None,
    arguments: Mapping[str, Argument] | None = None,
    **more: Any,  # noqa: ANN401  # further fields of `FactSpec`
) -> Callable[[Read], Read]:
    """Enter a function into the vocabulary; name, text and arguments are the function's own."""

    def enter(function: Read) -> Read:
        _, _, window_or_today, *given = signature(function).parameters.values()
        windowed = window_or_today.name == "window"
        known = {**_ARGUMENTS, **(arguments or {})}
        taken = {p.name: _argument(p, known) for p in given}
        if windowed:
            first = {name: taken[name] for name in tuple(taken)[: more.get("positional", 0)]}
            taken = {**first, "days": known["days"], "period": known["period"], **taken}
        name = function.__name__
        VOCABULARY[name] = FactSpec(
            name=name,
            unit=unit,
            motion=motion,
            unknown=more.pop("unknown", False),
            about=cleandoc(function.__doc__ or ""),
            arguments=taken,
            function=function,
            source=source,
            windowed=windowed,
            **more,
        )
        return function

    return enter


def _argument(parameter: Parameter, known: Mapping[str, Argument]) -> Argument:
    required = parameter.default is Parameter.empty
    return replace(known.get(parameter.name, _TEXT), required=required)


def _in_window(
    function: Read,
    facts: Facts,
    zone: Calendar,
    today: int,
    *,
    days: int | None = None,
    period: str | None = None,
    **arguments: Any,  # noqa: ANN401  # whatever the fact takes
) -> Any:  # noqa: ANN401  # the fact's value
    return function(facts, zone, window(facts, zone, today, days, period), **arguments)
