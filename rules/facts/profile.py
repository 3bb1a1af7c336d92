"""The profile: attributes as their owners give them, and scores from outside.

Most have no function of their own: `lookup` makes the fact of an attribute when a rule names it. An
attribute of another type than its name promises is unknown.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from models.calendar import Calendar, anniversary
from models.customer import Facts
from rules.facts.arguments import CUSTOM, MONEY_ATTRIBUTES, NUMBER_ATTRIBUTES, TEXT_ATTRIBUTES
from rules.facts.habits import since
from rules.facts.joining import profile_day
from rules.facts.vocabulary import VOCABULARY, FactSpec, Read, Unit, fact

# The consent that an attribute rests on: where it is withdrawn, the attribute is unknown.
PERSONAL = {"birth_date": "profiling", "culture": "sensitive", "gender": "profiling"}

_PROFILE = "profile."
_SCORE = "score."
_MONTHS = 12


def _said(facts: Facts, attribute: str) -> Any:  # noqa: ANN401  # what its owner put there
    """Return an attribute's newest value; None: not known, deleted, or its consent withdrawn."""
    said = facts.profile.get(attribute)
    if said is None:
        return None
    purpose = PERSONAL.get(attribute)
    return None if purpose is not None and _consents(facts, purpose) is False else said[1]


def _consents(facts: Facts, purpose: str) -> bool | None:
    said = facts.profile.get(f"consents.{purpose}.granted")
    return said[1] if said is not None and isinstance(said[1], bool) else None


@fact(Unit.TRUTH, "still", unknown=True, reads="profile", positional=1)
def consent(facts: Facts, _zone: Calendar, _today: int, purpose: str) -> bool | None:
    """Whether she agrees to a use of her data, such as 'marketing'; unknown if never asked."""
    return _consents(facts, purpose)


@fact(Unit.TRUTH, "still", unknown=True, reads="profile", positional=2)
def has(facts: Facts, _zone: Calendar, _today: int, attribute: str, value: str) -> bool | None:
    """Whether a list of the profile holds a value; unknown where the list is not known."""
    known = _said(facts, attribute.removeprefix(_PROFILE))
    return value in known if isinstance(known, list | tuple) else None


@fact(Unit.NUMBER, "still", unknown=True, reads="profile", positional=1)
def number(facts: Facts, _zone: Calendar, _today: int, custom: str) -> float | None:
    """A number among one's own attributes, such as profile.custom.seats."""
    said: float | None = _typed((int, float), facts, custom)
    return said


@fact(Unit.TRUTH, "still", unknown=True, reads="profile", positional=1)
def flag(facts: Facts, _zone: Calendar, _today: int, custom: str) -> bool | None:
    """A true or false among one's own attributes, such as profile.custom.newsletter."""
    said = _said(facts, custom.removeprefix(_PROFILE))
    return said if isinstance(said, bool) else None


def _day_of(facts: Facts, _zone: Calendar, date: str) -> int | None:
    attribute = date.removeprefix(_PROFILE)
    return None if _said(facts, attribute) is None else profile_day(facts, attribute)


@fact(Unit.DAYS, "rises", source=_day_of, unknown=True, reads="profile", positional=1)
def days_since(facts: Facts, zone: Calendar, today: int, date: str) -> int | None:
    """Days since a date of the profile, such as profile.hired_on; at least 0."""
    return since(_day_of(facts, zone, date), today)


def _next_birthday(facts: Facts, zone: Calendar, today: int) -> int | None:
    born = _day_of(facts, zone, "birth_date")
    if born is None or born > today:
        return born
    year = zone.date(today).year
    this_year = anniversary(born, year)
    return this_year if this_year > today else anniversary(born, year + 1)


@fact(Unit.YEARS, "turns", source=_next_birthday, unknown=True, reads="profile")
def age(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Age in whole years, by profile.birth_date; a 29 February counts as the 28th."""
    born = _day_of(facts, zone, "birth_date")
    if born is None or born > today:
        return None
    year = zone.date(today).year
    return year - zone.date(born).year - (anniversary(born, year) > today)


def _typed(kind: type | tuple[type, ...], facts: Facts, attribute: str) -> Any:  # noqa: ANN401  # of that type
    said = _said(facts, attribute.removeprefix(_PROFILE))
    return said if isinstance(said, kind) and not isinstance(said, bool) else None


def _attribute(kind: type | tuple[type, ...], name: str) -> Read:
    """Return the function that reads an attribute; rulebooks ask for many, so it is one call."""
    purpose = PERSONAL.get(name)

    def attribute(facts: Facts, _zone: Calendar, _today: int) -> Any:  # noqa: ANN401  # of that type
        said = facts.profile.get(name)
        if said is None or (purpose is not None and _consents(facts, purpose) is False):
            return None
        value = said[1]
        return value if isinstance(value, kind) and not isinstance(value, bool) else None

    return attribute


def _money(name: str) -> Read:
    """Return the function that reads an amount, of a month where it has a period.

    It is unknown in another currency than the customer's amounts are counted in.
    """
    amount, currency, period = f"{name}.amount_minor", f"{name}.currency", f"{name}.period"

    def money(facts: Facts, _zone: Calendar, _today: int) -> int | None:
        if amount not in facts.profile:
            return None
        known = _typed(int, facts, amount)
        if known is None or _said(facts, currency) != facts.currency:
            return None
        return int(known // _MONTHS if _said(facts, period) == "year" else known)

    return money


def _scored(name: str, facts: Facts, zone: Calendar, today: int) -> float | None:
    value, last_day = _score(facts, zone, name)
    return None if last_day is not None and today > last_day else value


def _expiry(name: str, facts: Facts, zone: Calendar, today: int) -> int | None:
    _, last_day = _score(facts, zone, name)
    return None if last_day is None or today > last_day else last_day + 1


def _score(facts: Facts, zone: Calendar, name: str) -> tuple[float | None, int | None]:
    """Return a score and the last day on which it holds; it holds until the day's end."""
    said = facts.profile.get(name, (0, None))[1]
    if said is None:
        return None, None
    value, valid_until = said
    return value, None if valid_until is None else zone.day(valid_until - 1)


@lru_cache(maxsize=1024)
def lookup(name: str) -> FactSpec | None:
    """Return the fact of a name, None if there is none (yet)."""
    attribute = name.removeprefix(_PROFILE)
    if name.startswith(_SCORE):
        about = f"The score {name.removeprefix(_SCORE)} from outside; unknown once it has expired."
        read, turn = partial(_scored, name), partial(_expiry, name)
        return FactSpec(
            name=name, unit=Unit.SCORE, motion="turns", unknown=True, about=about, arguments={},
            function=read, source=turn, reads="profile",
        )  # fmt: skip
    if attribute == name:
        return VOCABULARY.get(name)
    about = f"The customer's {attribute}, as the newest profile event says."
    if attribute in TEXT_ATTRIBUTES or attribute.startswith(CUSTOM):
        return _spec(name, Unit.TEXT, about, _attribute(str, attribute))
    if attribute in NUMBER_ATTRIBUTES:
        return _spec(name, Unit.NUMBER, about, _attribute((int, float), attribute))
    if attribute in MONEY_ATTRIBUTES:
        span = "a month's" if attribute == "income" else "a year's"
        about = f"The customer's {attribute}, {span} amount in the rulebook's currency."
        return _spec(name, Unit.MONEY, about, _money(attribute))
    return None


def _spec(name: str, unit: Unit, about: str, read: Read) -> FactSpec:
    return FactSpec(
        name=name, unit=unit, motion="still", unknown=True, about=about, arguments={},
        function=read, source=None, reads="profile",
    )  # fmt: skip


def attributes() -> tuple[FactSpec, ...]:
    """Return the facts that `lookup` makes, those of one's own names with `<name>` in theirs."""
    known = (*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES, *MONEY_ATTRIBUTES, f"{CUSTOM}<name>")
    names = (*(f"{_PROFILE}{name}" for name in sorted(known)), f"{_SCORE}<name>")
    return tuple(spec for name in names if (spec := lookup(name)) is not None)
