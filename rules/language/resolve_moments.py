"""The moments that an action may wait for: `entered`, `left`, `happened`."""

from __future__ import annotations

from rules.facts.moments import ARGUMENTS
from rules.language.expression import BadExpression
from rules.language.hints import nearest
from rules.language.results import Results
from rules.language.tree import Argument, Crossing, Fact, Happened

_TWO = 2


def crossing(fact: Fact, results: Results) -> Crossing:
    """Return what `entered(result, 'category')` or `left(…)` means.

    Raises:
        BadExpression: there is no such result, or it never has that category.
    """
    values = [value for key, value in fact.args if key.isdigit()]
    shape = f"write {fact.name}(lifecycle, 'churned')"
    if len(fact.args) != _TWO or len(values) != _TWO:
        raise BadExpression(f"{fact.name} names a result and one of its categories", shape)
    named, category = values
    if not isinstance(named, str) or not isinstance(category, str):
        raise BadExpression(f"{fact.name} names a result and one of its categories", shape)
    of = Fact(named)
    result = results.find(of)
    if result is None or named == "tier.matched":
        hint = "tier, lifecycle, segment.<dimension>, group.<name> or churn.band"
        raise BadExpression(f"`{named}` is nothing that is entered or left", hint)
    if result.values and category not in result.values:
        raise BadExpression(f"{named} is never {category!r}", nearest(category, result.values))
    return Crossing(of, category, fact.name == "left", result.kind == "many")


def event(fact: Fact) -> Happened:
    """Return what `happened('complaint', type='delivery')` means.

    Raises:
        BadExpression: there is no such event, or it has no such field.
    """
    if not fact.args or fact.args[0][0] != "0" or not isinstance(fact.args[0][1], str):
        raise BadExpression("happened names an event", "write happened('complaint')")
    kind, rest = fact.args[0][1], fact.args[1:]
    known = ARGUMENTS.get(kind)
    if known is None:
        raise BadExpression(f"there is no event {kind!r}", nearest(kind, ARGUMENTS))
    given: dict[str, Argument] = {}
    for name, value in rest:
        if name not in known:
            what = f"a {kind} is not asked for by `{'position' if name.isdigit() else name}`"
            raise BadExpression(what, nearest(name, known))
        refused = known[name].refusal(name, value)
        if refused is not None:
            raise BadExpression(f"happened: {refused[0]}", refused[1])
        given[name] = value
    return Happened(kind, tuple((name, given[name]) for name in known if name in given))
