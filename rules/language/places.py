"""Sites: what `local()` and `domestic()` mean for a business with these places.

A customer is local where her city, or her province where a site names no city, is that of a site;
domestic where her country is. Where her profile does not say, that is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.language.entries import SiteEntry
from rules.language.tree import And, Compare, Condition, Constant, Fact, Or


def places_of(sites: Iterable[SiteEntry]) -> dict[str, Condition]:
    """Return the conditions that the names of `PLACES` stand for; without sites there are none."""
    local: dict[Condition, None] = {}
    countries: dict[str, None] = {}
    for site in sites:
        countries[site.country] = None
        parts = tuple(
            _is(attribute, value)
            for attribute, value in (("province", site.province), ("city", site.city))
            if value is not None
        )
        if parts:
            local[parts[0] if len(parts) == 1 else And(parts)] = None
    found: dict[str, Condition] = {}
    if countries:
        found["domestic"] = Compare(Fact("profile.country"), "in", Constant(tuple(countries)))
    if local:
        found["local"] = next(iter(local)) if len(local) == 1 else Or(tuple(local))
    return found


def _is(attribute: str, value: str) -> Compare:
    return Compare(Fact(f"profile.{attribute}"), "==", Constant(value))
