"""Names and units: turns a parsed expression into one whose every part is known and fits.

Units are compared, added and subtracted only with themselves; a bare 0 or 1 fits any, every other
bound is a parameter, so that it has a unit and a reason. A factor or divisor may be a plain number;
dividing equal units gives a share, money by orders gives money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from models.fold import RETENTION_DAYS
from models.money import MINOR_DIGITS
from rules.expression import BadExpression
from rules.facts import (
    LIST_ATTRIBUTES,
    NUMBER_ATTRIBUTES,
    PLANNED,
    TEXT_ATTRIBUTES,
    VOCABULARY,
    lookup,
)
from rules.rulebook import ParameterEntry, Rulebook, nearest
from rules.tree import (
    And,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Fact,
    Or,
    Parameter,
    Value,
    render,
)
from rules.vocabulary import Argument, FactSpec, Unit

NUMBER_MAX = 10**15
_PLAIN = {None, Unit.NUMBER, Unit.SHARE}  # units of a factor; None: a bare number
_COUNTED = tuple(unit for unit in Unit if unit not in {Unit.MONEY, Unit.TEXT, Unit.TRUTH})

Typed: TypeAlias = tuple[Value, Unit | None]


def parameters_of(
    rulebook: Rulebook, note: Callable[[tuple[str | int, ...], str, str], None]
) -> dict[str, tuple[Constant, Unit]]:
    """Return each parameter's constant, money in minor units, and its unit; note what is wrong."""
    parameters = {}
    for name, entry in rulebook.parameters.items():
        try:
            parameters[name] = _parameter(name, entry, rulebook.currency)
        except BadExpression as error:
            note(("parameters", name), error.what, error.hint)
            # Its uses are then judged as if it fitted: one mistake is one finding.
            parameters[name] = (Constant(entry.value, name), Unit.NUMBER)
    return parameters


def _parameter(name: str, entry: ParameterEntry, currency: str) -> tuple[Constant, Unit]:
    if abs(entry.value) > NUMBER_MAX:
        raise BadExpression(f"`{name}` is too large", f"at most {NUMBER_MAX:,}")
    if entry.unit in _COUNTED:
        return Constant(entry.value, name), Unit(entry.unit)
    if entry.unit == currency:
        minor = Decimal(str(entry.value)).scaleb(MINOR_DIGITS[currency])
        if minor != int(minor):
            hint = f"{currency} has {MINOR_DIGITS[currency]} digits after the decimal point"
            raise BadExpression(f"`{name}` is not a whole amount of the smallest coin", hint)
        return Constant(int(minor), name), Unit.MONEY
    if entry.unit in MINOR_DIGITS:
        hint = f"the rulebook's currency is {currency}; amounts in others are not compared"
        raise BadExpression(f"`{name}` is in {entry.unit}", hint)
    raise BadExpression(f"`{entry.unit}` is not a unit", nearest(entry.unit, (*_COUNTED, currency)))


@dataclass(frozen=True, slots=True)
class Resolver:
    """What names may mean in one rulebook. Its methods raise `BadExpression`."""

    parameters: Mapping[str, tuple[Constant, Unit]]
    categories: Mapping[str, tuple[str, ...]]  # of every dimension
    bands: tuple[str, ...]  # () without churn rules

    def condition(self, node: Condition) -> Condition:
        """Return a condition with everything resolved."""
        match node:
            case And(parts):
                return And(tuple(self.condition(part) for part in parts))
            case Or(parts):
                return Or(tuple(self.condition(part) for part in parts))
            case Compare():
                return self._compare(node)

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
            case Arithmetic():
                return self._arithmetic(node)
        raise BadExpression(f"{render(node)} cannot stand here", "compare with: in ('a', 'b')")

    def bound(self, name: str, unit: Unit | None) -> Constant:
        """Return the parameter that bounds a level of a measure in `unit`."""
        constant, found = self._known_parameter(name)
        if unit is not None and found is not unit:
            hint = f"the measure is in {unit.value}; so must be its bounds"
            raise BadExpression(f"`{name}` is in {found.value}", hint)
        return constant

    def _known_parameter(self, name: str) -> tuple[Constant, Unit]:
        known = self.parameters.get(name)
        if known is not None:
            return known
        if name in PLANNED:
            raise _not_yet(name)
        if name in VOCABULARY:
            raise BadExpression(f"`{name}` is a fact", f"write it with brackets: {name}()")
        raise BadExpression(f"there is no parameter `{name}`", nearest(name, self.parameters))

    def _compare(self, node: Compare) -> Compare:
        left, unit = self.value(node.left)
        if isinstance(node.right, Constant) and node.right.value is True:
            if unit is not Unit.TRUTH:
                raise BadExpression(
                    f"{render(left)} is neither true nor false",
                    f"compare it with something: {render(left)} >= some_parameter",
                )
            return Compare(left, node.op, node.right)
        if unit is Unit.TRUTH:
            raise BadExpression(f"{render(left)} is true or false already", "leave == away")
        if unit is Unit.TEXT:
            return self._compare_texts(left, node)
        if node.op in {"in", "not in"}:
            raise BadExpression(f"{render(left)} is not a text", "write it with >= or <")
        right, other = self.value(node.right)
        if isinstance(left, Constant) and isinstance(right, Constant):
            raise BadExpression(f"{render(node)} is always the same", "compare a fact")
        _agree((left, unit), (right, other))
        return Compare(left, node.op, right)

    def _compare_texts(self, left: Value, node: Compare) -> Compare:
        right = node.right
        texts: tuple[object, ...] = ()
        if isinstance(right, Constant):
            texts = right.value if isinstance(right.value, tuple) else (right.value,)
        if not isinstance(left, Fact) or not all(isinstance(text, str) for text in texts or (0,)):
            hint = "write == 'a', != 'a', or in ('a', 'b')"
            raise BadExpression(f"{render(node)} does not compare a text with a text", hint)
        if node.op not in {"==", "!=", "in", "not in"}:
            raise BadExpression(f"texts have no order: {render(node)}", "write in ('a', 'b')")
        known = self._choices(left.name)
        for text in texts:
            if known and text not in known:
                raise BadExpression(f"{left.name} is never {text!r}", nearest(str(text), known))
        return Compare(left, node.op, right)

    def _choices(self, name: str) -> tuple[str, ...]:
        if name == "churn.band":
            return self.bands
        return self.categories.get(name.removeprefix("segment."), ())

    def _arithmetic(self, node: Arithmetic) -> Typed:
        left, one = self.value(node.left)
        right, other = self.value(node.right)
        for unit in (one, other):
            if unit in {Unit.TEXT, Unit.TRUTH}:
                raise BadExpression(f"{render(node)} does not compute with numbers")
        tree = _folded(Arithmetic(node.op, left, right))
        if node.op in {"+", "-"}:
            _agree((left, one), (right, other))
            return tree, one if one is not None else other
        if node.op == "*":
            if not isinstance(left, Constant) and not isinstance(right, Constant):
                raise BadExpression(f"{render(node)} multiplies two facts", "use one factor")
            if one in _PLAIN or other in _PLAIN:
                return tree, other if one in _PLAIN and other is not None else one
        elif other in {None, Unit.NUMBER}:
            return tree, one
        elif one is other:
            return tree, Unit.SHARE
        elif one is Unit.MONEY and other is Unit.ORDERS:
            return tree, Unit.MONEY
        raise BadExpression(
            f"{render(node)} has no meaning in units: {_unit(one)} {node.op} {_unit(other)}",
            "multiply by a number or a share; divide by a number or by the same unit",
        )

    def _fact(self, node: Fact) -> Typed:
        name = node.name
        if name.startswith("segment."):
            dimension = name.removeprefix("segment.")
            if dimension not in self.categories:
                hint = nearest(dimension, self.categories)
                raise BadExpression(f"there is no dimension `{dimension}`", hint)
            return _without_arguments(node), Unit.TEXT
        if name == "churn.band":
            if not self.bands:
                raise BadExpression("the rulebook has no churn bands", "add a `churn:` section")
            return _without_arguments(node), Unit.TEXT
        spec = lookup(name)
        if spec is not None:
            return Fact(name, _arguments(node, spec)), spec.unit
        if name in PLANNED or name.partition(".")[0] in PLANNED:
            raise _not_yet(name)
        if name.startswith("profile."):
            if name.removeprefix("profile.") in LIST_ATTRIBUTES:
                raise BadExpression(f"`{name}` is a list", f"write has({name}, 'a_value')")
            known = [*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES, "custom.<name>"]
            hint = nearest(name.removeprefix("profile."), known)
            raise BadExpression(f"`{name}` is not an attribute that rules can read", hint)
        raise BadExpression(f"there is no fact `{name}`", nearest(name, VOCABULARY))


def _not_yet(name: str) -> BadExpression:
    return BadExpression(
        f"`{name}` is not available in this version", "`tierstream rules facts` lists what is"
    )


def _unit(unit: Unit | None) -> str:
    return "a plain number" if unit is None else unit.value


def _agree(left: Typed, right: Typed) -> None:
    """Refuse two sides of different units; a bare 0 or 1 has any unit."""
    (one, unit), (other, partner) = left, right
    if unit is None and partner is not None:
        (one, unit), (other, partner) = right, left
    if unit is None or unit is partner:
        return
    if partner is not None:
        what = f"{render(one)} is in {unit.value}, {render(other)} is in {partner.value}"
        raise BadExpression(what, "only equal units can be compared, added or subtracted")
    if not isinstance(other, Constant) or other.value not in {0, 1}:
        hint = f"name it: parameters: {{a_name: {{value: …, unit: {_written(unit)}, why: …}}}}"
        raise BadExpression(f"the bound {render(other)} is not a parameter", hint)


def _written(unit: Unit) -> str:
    return "a currency code" if unit is Unit.MONEY else unit.value


def _folded(node: Arithmetic) -> Value:
    """Compute what has only constants."""
    left, right = node.left, node.right
    if node.op == "/" and isinstance(right, Constant) and right.value == 0:
        raise BadExpression(f"{render(node)} divides by 0")
    if not isinstance(left, Constant) or not isinstance(right, Constant):
        return node
    a, b = left.value, right.value
    assert isinstance(a, int | float)
    assert isinstance(b, int | float)
    if node.op == "/":
        return Constant(a / b)
    return Constant(a + b if node.op == "+" else a - b if node.op == "-" else a * b)


def _without_arguments(node: Fact) -> Fact:
    if node.args:
        raise BadExpression(f"{node.name} takes no arguments", f"write {node.name}")
    return node


def _arguments(node: Fact, spec: FactSpec) -> tuple[tuple[str, int | float | str], ...]:
    """Return a fact's arguments by name, in the order of the vocabulary."""
    names = tuple(spec.arguments)
    given: dict[str, int | float | str] = {}
    for key, value in node.args:
        name = key
        if key.isdigit():
            if int(key) >= spec.positional:
                hint = f"write it with its name: {spec.name}({(*names, 'days')[0]}=…)"
                raise BadExpression(f"{spec.name}: the argument {value!r} has no name", hint)
            name = names[int(key)]
        if name not in spec.arguments:
            raise BadExpression(f"{spec.name} has no argument `{name}`", nearest(name, names))
        if name in given:
            raise BadExpression(f"{spec.name}: `{name}` is given twice")
        _fits_argument(spec.name, name, value, spec.arguments[name])
        given[name] = value
    for name, argument in spec.arguments.items():
        if argument.required and name not in given:
            raise BadExpression(f"{spec.name} needs `{name}`", ", ".join(argument.choices))
    return tuple((name, given[name]) for name in names if name in given)


def _fits_argument(fact: str, name: str, value: object, argument: Argument) -> None:
    if argument.kind == "days":
        if not isinstance(value, int) or not 1 <= value <= RETENTION_DAYS:
            raise BadExpression(
                f"{fact}: a window of {value!r} days is not possible",
                f"day buckets are kept for {RETENTION_DAYS} days; write 1 to {RETENTION_DAYS}",
            )
        return
    if not isinstance(value, str):
        raise BadExpression(f"{fact}: `{name}` is a text", "put it in quotes")
    if argument.kind == "choice" and value not in argument.choices:
        hint = nearest(value, argument.choices)
        raise BadExpression(f"{fact}: {name}={value!r} is not known", hint)
    if argument.kind == "list" and value.removeprefix("profile.") not in LIST_ATTRIBUTES:
        lists = [f"profile.{name}" for name in LIST_ATTRIBUTES]
        raise BadExpression(f"{fact}: {value} is not a list of the profile", nearest(value, lists))
