"""Names: turns a parsed expression into one whose every part is known and fits.

Units are compared, added and subtracted only with themselves; a bare 0 or 1 fits any, every other
bound is a parameter, so that it has a unit and a reason. A factor or divisor may be a plain number;
dividing equal units gives a share, money by orders gives money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rules.facts import VOCABULARY, lookup
from rules.facts.given import GIVEN
from rules.facts.vocabulary import Unit
from rules.language.definitions import SIZE_MAX, AlreadySaid, Definitions
from rules.language.expression import BadExpression, parse_condition, parse_value
from rules.language.hints import nearest
from rules.language.parameters import NUMBER_MAX, Parameters, Tables
from rules.language.resolve_facts import MOMENTS, arguments_of, no_fact, personal_attributes
from rules.language.resolve_moments import crossing, event
from rules.language.results import Result, Results
from rules.language.tree import (
    PLACES,
    And,
    Argument,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Crossing,
    Fact,
    Happened,
    Lookup,
    Or,
    Parameter,
    Value,
    inverse,
    render,
    size,
)
from rules.language.units import Typed, agree, can_be, computed


@dataclass(frozen=True, slots=True)
class Resolver:
    """What names may mean in one rulebook. Its methods raise `BadExpression`.

    `places` are what `local()` and `domestic()` stand for. `moments`: whether an expression may ask
    what has just happened, as only an action's `when` may. `named`: the parameters found so far.
    """

    parameters: Parameters
    tables: Tables
    definitions: Definitions
    results: Results
    places: Mapping[str, Condition]
    personal: frozenset[str]
    horizon_days: float  # of churn risk; 0 without churn rules
    moments: bool = False
    named: set[str] = field(default_factory=set)
    _facts: dict[str, Fact] = field(default_factory=dict)

    def read_condition(self, text: str, *, moments: bool = False) -> Condition:
        """Return the condition that a text says, resolved."""
        reader = replace(self, moments=moments)
        found = reader.condition(parse_condition(text))
        _is_bounded(text, found)
        return found

    def read_value(self, text: str) -> Typed:
        """Return the value that a text says, resolved, and its unit; None: a bare number."""
        value, unit = self.value(parse_value(text))
        _is_bounded(text, value)
        return value, unit

    def condition(self, node: Condition) -> Condition:
        """Return a condition with everything resolved."""
        match node:
            case And(parts):
                return And(tuple(self.condition(part) for part in parts))
            case Or(parts):
                return Or(tuple(self.condition(part) for part in parts))
            case Compare(Fact() as fact, op, Constant(value=True)):
                return self._called(fact, op == "!=")
            case Compare():
                return self._compare(node)
        return node

    def value(self, node: Value) -> Typed:
        """Return a value with everything resolved, and its unit; None: a bare number."""
        match node:
            case Constant(str()):
                return node, Unit.TEXT
            case Constant(int() | float() as number):
                if abs(number) > NUMBER_MAX:
                    raise BadExpression(f"{number!r} is too large", f"at most {NUMBER_MAX:,}")
                return node, None
            case Parameter(name):
                return self._known_parameter(name)
            case Fact():
                return self._fact(node)
            case Lookup():
                return self._lookup(node)
            case Arithmetic(_, left, right):
                return computed(node, self.value(left), self.value(right))
        raise BadExpression(f"{render(node)} cannot stand here", "compare with: in ('a', 'b')")

    def bound(self, name: str, unit: Unit | None) -> Constant:
        """Return the parameter that bounds a level of a measure in `unit`."""
        constant, found = self._known_parameter(name)
        if unit is not None and found is not unit:
            hint = f"the measure is in {unit.value}; so must be its bounds"
            raise BadExpression(f"`{name}` is in {found.value}", hint)
        return constant

    def _known_parameter(self, name: str) -> tuple[Constant, Unit]:
        if name in self.parameters:
            self.named.add(name)
            known = self.parameters[name]
            if known is None:
                raise AlreadySaid(f"`{name}` is wrong itself")
            return known
        if name in VOCABULARY or name in GIVEN:
            raise BadExpression(f"`{name}` is a fact", f"write it with brackets: {name}()")
        for definition in self.definitions.names:
            if name == definition.partition(".")[2]:
                kind = definition.partition(".")[0]
                raise BadExpression(f"`{name}` is a {kind}", f"write {definition}")
        raise BadExpression(f"there is no parameter `{name}`", nearest(name, self.parameters))

    def _called(self, fact: Fact, negated: bool) -> Condition:  # noqa: FBT001  # of `not`
        """Return what stands for a fact that is true or false by itself."""
        if fact.name in MOMENTS:
            return self._moment(fact, negated)
        if fact.name in PLACES:
            return self._place(fact, negated)
        if fact.name.startswith("group.") and self.results.find(fact):
            return Compare(fact, "!=" if negated else "==", Constant("in"))
        if fact.name == "has" and fact.args and isinstance(fact.args[0][1], str):
            many = Fact(fact.args[0][1])
            result = self.results.find(many)
            if result is not None:
                return self._has(many, result, fact.args[1:], negated)
        value, unit = self.value(fact)
        if unit is not Unit.TRUTH:
            raise BadExpression(
                f"{render(value)} is neither true nor false",
                f"compare it with something: {render(value)} >= some_parameter",
            )
        return Compare(value, "!=" if negated else "==", Constant(value=True))

    def _moment(self, fact: Fact, negated: bool) -> Crossing | Happened:  # noqa: FBT001  # of `not`
        if not self.moments:
            raise BadExpression(
                f"`{fact.name}` asks what has just happened", "only an action's `when` may do so"
            )
        if negated:
            raise BadExpression(
                f"`not {fact.name}(…)` is true almost always",
                "say when the action is to be done, not when it is not",
            )
        if fact.name == "happened":
            return event(fact)
        return crossing(fact, self.results)

    def _place(self, fact: Fact, negated: bool) -> Condition:  # noqa: FBT001  # of `not`
        if fact.args:
            raise BadExpression(f"{fact.name} takes no arguments", f"write {fact.name}")
        place = self.places.get(fact.name)
        if place is None:
            hint = "add `sites:`, the places of the business, with country and city"
            raise BadExpression(f"`{fact.name}` compares with places that are missing", hint)
        return inverse(place) if negated else place

    def _has(
        self,
        many: Fact,
        result: Result,
        rest: tuple[tuple[str, Argument], ...],
        negated: bool,  # noqa: FBT001  # of `not`
    ) -> Compare:
        if result.kind != "many":
            raise BadExpression(f"{many.name} is one category", f"write {many.name} == 'a_name'")
        if len(rest) != 1 or not isinstance(rest[0][1], str):
            raise BadExpression(
                f"has({many.name}, …) asks for one category", f"has({many.name}, 'a_name')"
            )
        name = rest[0][1]
        if name not in result.values:
            raise BadExpression(f"{many.name} never has {name!r}", nearest(name, result.values))
        return Compare(many, "has not" if negated else "has", Constant(name))

    def _compare(self, node: Compare) -> Compare:
        left, unit = self.value(node.left)
        if isinstance(node.right, Constant) and node.right.value is True:
            raise BadExpression(
                f"{render(left)} is neither true nor false",
                f"compare it with something: {render(left)} >= some_parameter",
            )
        if unit is Unit.TRUTH:
            raise BadExpression(f"{render(left)} is true or false already", "leave == away")
        if unit is Unit.TEXT:
            return self._compare_texts(left, node)
        if node.op in {"in", "not in"}:
            raise BadExpression(f"{render(left)} is not a text", "write it with >= or <")
        right, other = self.value(node.right)
        if isinstance(left, Constant) and isinstance(right, Constant):
            raise BadExpression(f"{render(node)} is always the same", "compare a fact")
        agree((left, unit), (right, other))
        can_be(left, right)
        can_be(right, left)
        return Compare(left, node.op, right)

    def _compare_texts(self, left: Value, node: Compare) -> Compare:
        right = node.right
        texts: tuple[object, ...] = ()
        if isinstance(right, Constant):
            texts = right.value if isinstance(right.value, tuple) else (right.value,)
        is_text = isinstance(left, Fact | Lookup)
        if not is_text or not all(isinstance(text, str) for text in texts or (0,)):
            hint = "write == 'a', != 'a', or in ('a', 'b')"
            raise BadExpression(f"{render(node)} does not compare a text with a text", hint)
        if node.op not in {"==", "!=", "in", "not in"}:
            raise BadExpression(f"texts have no order: {render(node)}", "write in ('a', 'b')")
        known = self._choices(left)
        for text in texts:
            if known and text not in known:
                raise BadExpression(f"{render(left)} is never {text!r}", nearest(str(text), known))
        return Compare(left, node.op, right)

    def _choices(self, left: Value) -> tuple[str, ...]:
        """Return all texts that a value can be; () where any is possible."""
        if isinstance(left, Lookup):
            return tuple({str(value) for _, value in left.entries})
        if not isinstance(left, Fact):
            return ()
        result = self.results.find(left)
        if result is not None and result.kind == "many":
            hint = f"write has({render(left)}, 'a_name')"
            raise BadExpression(f"{render(left)} is many categories", hint)
        if result is not None:
            return result.values
        spec = lookup(left.name)
        if spec is None or spec.texts is None:
            return ()
        ((_, choice),) = left.args
        return spec.texts[str(choice)]

    def _lookup(self, node: Lookup) -> Typed:
        table = self.tables.get(node.table)
        if table is None:
            raise BadExpression(
                f"there is no table `{node.table}`", nearest(node.table, self.tables)
            )
        key, unit = self.value(node.key)
        if unit is not Unit.TEXT or not isinstance(key, Fact | Lookup):
            hint = f"lookup({node.table!r}, profile.city)"
            raise BadExpression(f"{render(key)} is not a text to look up", hint)
        self._choices(key)
        return Lookup(node.table, key, table[0]), table[1]

    def _fact(self, node: Fact) -> Typed:
        name = node.name
        if self.results.find(node) is not None:
            return node, Unit.TEXT
        defined = self.definitions.find(name, self.value, self.condition)
        if defined is not None:
            return defined
        if name in MOMENTS or name in PLACES:
            raise BadExpression(f"`{name}` is true or false", "write it without comparing it")
        given = GIVEN.get(name)
        if given is not None:
            arguments = arguments_of(node, given.arguments, 0)
            if given.needs_horizon and not self.horizon_days and not arguments:
                raise BadExpression(
                    f"`{name}` needs a horizon", "add a `churn:` section with its horizon"
                )
            return self._shared(name, arguments), given.unit
        spec = lookup(name)
        if spec is None:
            raise no_fact(name)
        arguments = arguments_of(node, spec.arguments, spec.positional)
        conflict = spec.conflict(dict(arguments))
        if conflict is not None:
            raise BadExpression(conflict)
        fact = self._shared(name, arguments)
        self._is_declared(fact)
        return fact, spec.unit

    def _shared(self, name: str, arguments: tuple[tuple[str, Argument], ...]) -> Fact:
        """Return a fact, the same object wherever it is written, as what is looked up fast.

        Told apart by its text, since 1 and 1.0 are equal.
        """
        fact = Fact(name, arguments)
        return self._facts.setdefault(render(fact), fact)

    def _is_declared(self, fact: Fact) -> None:
        """Refuse a personal attribute that the rulebook does not declare."""
        for attribute in personal_attributes(fact):
            if attribute not in self.personal:
                raise BadExpression(
                    f"{render(fact)} is personal: using it must be declared",
                    f"add `personal: [{attribute}]`; without her consent it is unknown",
                )


def _is_bounded(text: str, node: Value | Condition) -> None:
    if size(node) > SIZE_MAX:
        hint = f"{SIZE_MAX} parts are allowed, those of its measures and scores included"
        raise BadExpression(f"{text[:40]!r}… is too large", hint)
