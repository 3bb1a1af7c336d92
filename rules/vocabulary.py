"""What a fact of the vocabulary is: its unit, arguments and motion. The facts are in `facts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from inspect import Parameter, cleandoc, signature
from typing import Any, Literal, TypeAlias

from models.events import SEVERITIES
from models.fold import COMPLAINT_TYPES, METRICS, POLARITIES

Motion: TypeAlias = Literal["still", "falls", "nets", "exits", "rises"]
Cases: TypeAlias = Literal["complaints", "feedback"]
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
    SHARE = "share"
    SCORE = "score"
    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Argument:
    """What an argument may be: one of `choices`, or a number of days, or any text."""

    kind: Literal["days", "choice", "text", "list"]
    required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One fact: `read(facts, zone, today, **arguments)` gives its value, None if unknown."""

    name: str
    unit: Unit
    motion: Motion
    unknown: bool  # whether it can be unknown
    about: str
    arguments: Mapping[str, Argument]
    read: Read
    source: Source | None
    reads: Cases | None  # without such cases and without series it has no data
    positional: int  # how many arguments are given without their name


CHOICES: dict[str, tuple[str, ...]] = {
    "severity": SEVERITIES,
    "severity_from": SEVERITIES,
    "type": COMPLAINT_TYPES,
    "polarity": POLARITIES,
    "metric": METRICS,
}


def spec_of(
    read: Read,
    unit: Unit,
    motion: Motion,
    source: Source | None = None,
    *,
    unknown: bool = False,
    reads: Cases | None = None,
    positional: int = 0,
) -> FactSpec:
    """Return the fact that a function reads: name, text and arguments are the function's own."""
    given = list(signature(read).parameters.values())[3:]
    return FactSpec(
        name=read.__name__,
        unit=unit,
        motion=motion,
        unknown=unknown,
        about=cleandoc(read.__doc__ or ""),
        arguments={parameter.name: _argument(parameter) for parameter in given},
        read=read,
        source=source,
        reads=reads,
        positional=positional,
    )


def _argument(parameter: Parameter) -> Argument:
    required = parameter.default is Parameter.empty
    if parameter.name == "days":
        return Argument("days", required)
    if parameter.name == "attribute":
        return Argument("list", required)
    choices = CHOICES.get(parameter.name, ())
    return Argument("choice" if choices else "text", required, choices)
