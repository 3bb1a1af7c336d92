"""When a customer joined, and how dates of the profile are read."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from models.calendar import Calendar, day_number
from models.customer import Facts

_ISO_DATE_LENGTH = 10
_YEARS = range(1900, 2101)  # a date in any other is a mistake


def joined_day(facts: Facts, zone: Calendar) -> int | None:
    """Return the day of joining: as the profile says, else first purchase, else first seen."""
    said = profile_day(facts, "joined_at")
    if said is not None:
        return said
    at = facts.first_seen_at if facts.first_purchase_at is None else facts.first_purchase_at
    return None if at is None else zone.day(at)


def profile_day(facts: Facts, attribute: str) -> int | None:
    """Return the day that an attribute of the profile names; None: none that can be used."""
    said = facts.profile.get(attribute, (0, None))[1]
    return _day(said[:_ISO_DATE_LENGTH]) if isinstance(said, str) else None


@lru_cache(maxsize=4_096)
def _day(text: str) -> int | None:
    try:
        when = date.fromisoformat(text)
    except ValueError:
        return None
    return day_number(when) if when.year in _YEARS else None
