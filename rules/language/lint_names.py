"""The lint of names: those that nothing reads, and those that others are probably meant by."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from rules.language.checked import Rules, trees_in
from rules.language.definitions import SCORE
from rules.language.document import Path
from rules.language.reading import Reader
from rules.language.tree import Condition, Fact, Value, facts_of

_ALIKE = 0.8  # of what nobody here decides the names: only what is hardly another one


def names_are_meant(reader: Reader, rules: Rules) -> None:
    """Advise against parameters that no rule reads, and names from outside that resemble own."""
    for name in reader.rulebook.parameters:
        if name not in reader.resolver.named and reader.is_own(("parameters", name)):
            reader.advise(
                ("parameters", name),
                f"no rule reads `{name}`: whatever its value, nothing changes",
                "take it out, or write it where it is meant",
            )
    said: set[Fact] = set()
    for path, tree in _trees(reader, rules):
        for fact in facts_of(tree):
            if fact not in said:
                said.add(fact)
                _is_another(reader, path, fact)


def _is_another(reader: Reader, path: Path, fact: Fact) -> None:
    book, action = reader.rulebook, dict(fact.args).get("action")
    score = fact.name.removeprefix(SCORE)
    if score != fact.name and score not in book.scores:
        what = f"{fact.name} is no score of this rulebook, so it comes from outside"
        near = get_close_matches(score, book.scores, n=1, cutoff=_ALIKE)
    elif isinstance(action, str) and action not in book.actions:
        what = f"`{action}` is no action of this rulebook"
        near = get_close_matches(action, book.actions, n=1, cutoff=_ALIKE)
    else:
        return
    if near:
        reader.advise(path, what, f"did you mean {near[0]}?")


def _trees(reader: Reader, rules: Rules) -> Iterator[tuple[Path, Value | Condition]]:
    """Yield every expression with its place; measures and scores first, where they stand."""
    definitions = reader.resolver.definitions
    for name in definitions.names:
        yield definitions.places[name], reader.resolver.value(Fact(name))[0]
    for dimension in rules.dimensions:
        for tree in trees_in(dimension):
            yield reader.place(dimension.name), tree
    for rank, tier in enumerate(rules.tiers):
        for key, condition in tier.written:
            yield ("tiers", "ladder", rank, key), condition
    for policy in rules.policies:
        yield ("policies", policy.name), policy.condition
    for action in rules.actions:
        for tree in (action.when, action.condition, *(value for _, value in action.parameters)):
            yield ("actions", action.name), tree
