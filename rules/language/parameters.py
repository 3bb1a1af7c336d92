"""The numbers and texts that a rulebook names: parameters and tables, with their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from models.money import MINOR_DIGITS
from rules.facts.vocabulary import Unit
from rules.language.entries import Rulebook, TableEntry
from rules.language.expression import BadExpression
from rules.language.hints import nearest
from rules.language.scalars import COUNTED
from rules.language.tree import BARE, Constant

NUMBER_MAX = 10**15

Note: TypeAlias = Callable[[tuple[str | int, ...], str, str], None]
Parameters: TypeAlias = Mapping[str, tuple[Constant, Unit] | None]
"""By name; None: it is wrong, and that is said already."""
Entries: TypeAlias = tuple[tuple[str, int | float | str], ...]
Tables: TypeAlias = Mapping[str, tuple[Entries, Unit]]


def parameters_of(rulebook: Rulebook, note: Note) -> Parameters:
    """Return each parameter's constant, money in minor units, and its unit; note what is wrong."""
    parameters: dict[str, tuple[Constant, Unit] | None] = {}
    for name, entry in rulebook.parameters.items():
        if name in BARE:
            what = f"`{name}` has a meaning in rules already"
            note(("parameters", name), what, "give the parameter another name")
        try:
            value, unit = measured(name, entry.value, entry.unit, rulebook.currency)
            parameters[name] = (Constant(value, name), unit)
        except BadExpression as error:
            note(("parameters", name), error.what, error.hint)
            parameters[name] = None
    return parameters


def tables_of(rulebook: Rulebook, note: Note) -> dict[str, tuple[Entries, Unit]]:
    """Return each table's entries, money in minor units, and their unit; note what is wrong.

    Of the mistakes in one table the first is noted.
    """
    tables: dict[str, tuple[Entries, Unit]] = {}
    for name, table in rulebook.tables.items():
        place: tuple[str, ...] = ("tables", name, "unit")
        entries: list[tuple[str, int | float | str]] = []
        unit = Unit.TEXT
        try:
            if table.unit is not None:
                _, unit = measured(name, 0, table.unit, rulebook.currency)
            for key in table.entries:
                place = "tables", name, "entries", key
                entries.append((key, _number_or_text(name, key, table, rulebook.currency)))
        except BadExpression as error:
            note(place, error.what, error.hint)
        tables[name] = tuple(entries), unit
    return tables


def _number_or_text(name: str, key: str, table: TableEntry, currency: str) -> int | float | str:
    value = table.entries[key]
    if table.unit is None:
        if isinstance(value, str):
            return value
        hint = "say what it is counted in: {unit: …, entries: {…}}"
        raise BadExpression(f"the number of `{key}` in `{name}` has no unit", hint)
    if isinstance(value, str):
        hint = "a table with a `unit` has only numbers"
        raise BadExpression(f"{value!r} of `{key}` in `{name}` is not a number", hint)
    return measured(key, value, table.unit, currency)[0]


def measured(name: str, value: float, written: str, currency: str) -> tuple[int | float, Unit]:
    """Return a number in the unit that an analyst wrote; money in minor units.

    Raises:
        BadExpression: there is no such unit, or the number does not fit it.
    """
    if abs(value) > NUMBER_MAX:
        raise BadExpression(f"`{name}` is too large", f"at most {NUMBER_MAX:,}")
    if written in COUNTED:
        return value, Unit(written)
    if written == currency:
        minor = Decimal(str(value)).scaleb(MINOR_DIGITS[currency])
        if minor != int(minor):
            hint = f"{currency} has {MINOR_DIGITS[currency]} digits after the decimal point"
            raise BadExpression(f"`{name}` is not a whole amount of the smallest coin", hint)
        return int(minor), Unit.MONEY
    if written in MINOR_DIGITS:
        hint = f"the rulebook's currency is {currency}; amounts in others are not compared"
        raise BadExpression(f"`{name}` is in {written}", hint)
    raise BadExpression(f"`{written}` is not a unit", nearest(written, (*COUNTED, currency)))
