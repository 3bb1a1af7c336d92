"""Measures and scores: formulas and point sums of a rulebook, written out where they are named.

They are resolved once, each where it stands. What is wrong with one is kept in `failed`, to be said
at its place in `places` and not again wherever it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rules.facts.vocabulary import Unit
from rules.language.document import Path
from rules.language.entries import PointsEntry, Rulebook
from rules.language.expression import BadExpression, parse_condition, parse_value
from rules.language.hints import nearest
from rules.language.scalars import Number
from rules.language.tree import Condition, Points, Value, size
from rules.language.units import Typed

MEASURE, SCORE = "measure.", "score."
SIZE_MAX = 1_000  # parts of an expression once its definitions are written out

ResolveValue: TypeAlias = Callable[[Value], Typed]
ResolveCondition: TypeAlias = Callable[[Condition], Condition]


class AlreadySaid(BadExpression):
    """An expression names a definition whose own mistake is said where it stands."""


class Definitions:
    """The measures and scores of one rulebook."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._measures: Mapping[str, str] = rulebook.measures
        self._scores: Mapping[str, tuple[PointsEntry, ...]] = rulebook.scores
        self._known: dict[str, Typed] = {}
        self._open: list[str] = []
        self.failed: dict[str, BadExpression] = {}
        self.places: dict[str, Path] = {
            **{MEASURE + name: ("measures", name) for name in rulebook.measures},
            **{SCORE + name: ("scores", name) for name in rulebook.scores},
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which rules know them."""
        return (*(MEASURE + n for n in self._measures), *(SCORE + n for n in self._scores))

    def find(self, name: str, value: ResolveValue, condition: ResolveCondition) -> Typed | None:
        """Return what a name stands for, resolved; None: it is no definition of this rulebook.

        Raises:
            BadExpression: it cannot be used; `AlreadySaid` where that is said elsewhere.
        """
        if name not in self.names:
            if name.startswith(MEASURE):
                measure = name.removeprefix(MEASURE)
                hint = nearest(measure, self._measures)
                raise BadExpression(f"there is no measure `{measure}`", hint)
            return None
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise BadExpression(f"`{name}` names itself: {circle}", "take one of them out")
        if name not in self._known and name not in self.failed:
            self._resolve(name, value, condition)
        if name in self.failed:
            raise AlreadySaid("")
        return self._known[name]

    def _resolve(self, name: str, value: ResolveValue, condition: ResolveCondition) -> None:
        self._open.append(name)
        try:
            if name.startswith(MEASURE):
                found = value(parse_value(self._measures[name.removeprefix(MEASURE)]))
            else:
                found = self._points(name, condition), Unit.SCORE
            _is_bounded(name, found[0])
            self._known[name] = found
        except BadExpression as error:
            self.failed[name] = error
        finally:
            self._open.pop()

    def _points(self, name: str, condition: ResolveCondition) -> Points:
        score, place = name.removeprefix(SCORE), self.places[name]
        parts: list[tuple[Number, Condition]] = []
        for index, entry in enumerate(self._scores[score]):
            self.places[name] = *place, index, "if"
            parts.append((entry.points, condition(parse_condition(entry.condition))))
        self.places[name] = place
        return Points(score, tuple(parts))


def _is_bounded(name: str, value: Value) -> None:
    if size(value) > SIZE_MAX:
        hint = f"{SIZE_MAX} parts are allowed, those of what it names included"
        raise BadExpression(f"`{name}` is too large", hint)
