"""What rules may name, as they write it: every name that `resolve` knows, with unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.facts import VOCABULARY
from rules.facts.arguments import Argument
from rules.facts.given import GIVEN
from rules.facts.moments import ARGUMENTS
from rules.facts.profile import attributes
from rules.facts.vocabulary import Unit
from rules.language.definitions import MEASURE, SCORE
from rules.language.results import RESULTS
from rules.language.tree import BARE, PLACES

_PLACES = {
    "local": "Whether she lives where one of `sites:` is; unknown where her profile has no city.",
    "domestic": "Whether she lives in a country of `sites:`; unknown where her profile has none.",
}
_CROSSINGS = {
    "entered": "She has just come into a category of a result; in an action's `when`.",
    "left": "She has just left a category of a result; in an action's `when`.",
}


@dataclass(frozen=True, slots=True)
class Nameable:
    """One thing that a rule may name. `unit` None: that of what it is defined by."""

    written: str
    unit: Unit | None
    unknown: bool  # whether it can be unknown
    about: str
    arguments: Mapping[str, Argument]

    @property
    def name(self) -> str:
        """Its name without arguments."""
        return self.written.partition("(")[0]


def nameable() -> Iterator[Nameable]:
    """Yield all that rules may name; what a rulebook names itself stands in <…>."""
    for fact in (*VOCABULARY.values(), *attributes()):
        written = _written(fact.name, fact.arguments, fact.positional)
        yield Nameable(written, fact.unit, fact.unknown, fact.about, fact.arguments)
    for given in GIVEN.values():
        written = _written(given.name, given.arguments)
        yield Nameable(written, given.unit, True, given.about, given.arguments)
    yield Nameable(f"{MEASURE}<name>", None, True, "A formula of `measures:`.", {})
    yield Nameable(f"{SCORE}<name>", Unit.SCORE, True, "A sum of points of `scores:`.", {})
    about = "What a table of `tables:` has for a text; unknown where it has nothing."
    yield Nameable("lookup('<table>', <text>)", None, True, about, {})
    for name, meaning in RESULTS.items():
        yield Nameable(name, Unit.TEXT, True, meaning, {})
    for name in PLACES:
        yield Nameable(name, Unit.TRUTH, True, _PLACES[name], {})
    for name, meaning in _CROSSINGS.items():
        yield Nameable(f"{name}(<result>, '<category>')", Unit.TRUTH, False, meaning, {})
    for kind, arguments in ARGUMENTS.items():
        asked = ", ".join((repr(kind), *_named(arguments)))
        meaning = f"The event just taken in is a {kind}; in an action's `when`."
        yield Nameable(f"happened({asked})", Unit.TRUTH, False, meaning, arguments)


def _written(name: str, arguments: Mapping[str, Argument], positional: int = 0) -> str:
    if not arguments:
        return name if name in BARE or "." in name else f"{name}()"
    unnamed = tuple(arguments)[:positional]
    rest = {each: arguments[each] for each in arguments if each not in unnamed}
    return f"{name}({', '.join((*unnamed, *_named(rest)))})"


def _named(arguments: Mapping[str, Argument]) -> Iterator[str]:
    return (f"{name}=…" for name in arguments)
