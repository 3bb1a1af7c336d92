"""Facts as an analyst writes them: their arguments, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Mapping

from rules.facts import LIST_ATTRIBUTES, PERSONAL, VOCABULARY
from rules.facts.arguments import Argument as ArgumentSpec
from rules.facts.given import GIVEN
from rules.facts.profile import attributes
from rules.language.expression import BadExpression
from rules.language.hints import nearest
from rules.language.tree import PLACES, Argument, Fact, render

MOMENTS = ("entered", "left", "happened")
_PROFILE = "profile."


def arguments_of(
    node: Fact, known: Mapping[str, ArgumentSpec], positional: int
) -> tuple[tuple[str, Argument], ...]:
    """Return a fact's arguments by name, in the order in which they are `known`.

    Raises:
        BadExpression: one is unknown, missing, or cannot have its value.
    """
    names = tuple(known)
    given: dict[str, Argument] = {}
    for key, value in node.args:
        name = key
        if key.isdigit():
            if int(key) >= positional:
                hint = _named_hint(node.name, known, value)
                raise BadExpression(f"{node.name}: the argument {value!r} has no name", hint)
            name = names[int(key)]
        if name not in known:
            raise BadExpression(f"{node.name} has no argument `{name}`", nearest(name, names))
        if name in given:
            raise BadExpression(f"{node.name}: `{name}` is given twice")
        refused = known[name].refusal(name, value)
        if refused is not None:
            raise BadExpression(f"{node.name}: {refused[0]}", refused[1])
        given[name] = value
    for name, argument in known.items():
        if argument.required and name not in given:
            raise BadExpression(f"{node.name} needs `{name}`", ", ".join(argument.choices))
    return tuple((name, given[name]) for name in names if name in given)


def _named_hint(fact: str, known: Mapping[str, ArgumentSpec], value: Argument) -> str:
    """Return how to write an argument without a name: with that of the first that can be it."""
    for name, argument in known.items():
        if argument.refusal(name, value) is None:
            return f"write it with its name: {render(Fact(fact, ((name, value),)))}"
    return f"arguments of {fact} are: {', '.join(known)}" if known else f"write {fact}()"


def personal_attributes(fact: Fact) -> list[str]:
    """Return the personal attributes that a fact reads, by the names of `personal:`."""
    named = [fact.name, *(value for _, value in fact.args if isinstance(value, str))]
    read = {name.removeprefix(_PROFILE) for name in named if name.startswith(_PROFILE)}
    read |= {str(value) for name, value in fact.args if name == "date"}  # the bare name will do
    found = sorted(read & PERSONAL.keys())
    return ["age"] if fact.name == "age" else ["age" if n == "birth_date" else n for n in found]


def no_fact(name: str) -> BadExpression:
    """Return the error that says that there is no such fact, and which may be meant."""
    if not name.startswith(_PROFILE):
        known = [*VOCABULARY, *GIVEN, *PLACES, *MOMENTS]
        return BadExpression(f"there is no fact `{name}`", nearest(name, known))
    attribute = name.removeprefix(_PROFILE)
    if attribute in LIST_ATTRIBUTES:
        return BadExpression(f"`{name}` is a list", f"write has({name}, 'a_value')")
    known = [spec.name.removeprefix(_PROFILE) for spec in attributes()]
    return BadExpression(
        f"`{name}` is not an attribute that rules can read", nearest(attribute, known)
    )
