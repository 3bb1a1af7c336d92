"""Amounts in another currency than the rulebook's, converted before they are folded.

So a state holds amounts that a rule can compare, and a rate that is set later changes nothing that
was counted. The rate is the era's newest of the event's day or of before; a refund takes that of
its purchase's day, so that it takes back what the purchase brought.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from msgspec.structs import replace

from models.calendar import iso_date
from models.events import Complaint, Profile, Purchase, Refund
from models.money import MINOR_DIGITS
from rules.facts.arguments import MONEY_ATTRIBUTES

if TYPE_CHECKING:
    from models.events import Line
    from rules.eras import Era


class _Rate(NamedTuple):
    home: str
    minor: Fraction  # what a minor unit is worth in minor units of `home`

    def of(self, amount_minor: int) -> int:
        """Return what an amount is worth, rounded half to even."""
        return round(amount_minor * self.minor)

    def known(self, amount_minor: int | None) -> int | None:
        """Return what an amount is worth that may be unknown."""
        return None if amount_minor is None else self.of(amount_minor)


def priced_day(event: Purchase | Refund | Complaint, era: Era) -> str:
    """Return the day, in the rulebook's zone, whose rate an event's amounts take."""
    at = event.occurred_at
    if isinstance(event, Refund) and event.purchased_at is not None:
        at = event.purchased_at
    return iso_date(era.zone.day(at))


def exchanged(
    event: Purchase | Refund | Complaint, era: Era
) -> Purchase | Refund | Complaint | None:
    """Return an event with its amounts in the rulebook's currency; None: there is no rate."""
    rate = _rate(era, event.currency, priced_day(event, era))
    if rate is None:
        return None
    match event:
        case Purchase():
            return replace(
                event,
                currency=rate.home,
                net_amount_minor=rate.of(event.net_amount_minor),
                margin_minor=rate.known(event.margin_minor),
                lines=_lines(event.lines, rate),
            )
        case Refund():
            amount, lines = rate.of(event.amount_minor), _lines(event.lines, rate)
            return replace(event, currency=rate.home, amount_minor=amount, lines=lines)
        case Complaint():
            return replace(event, currency=rate.home, amount_minor=rate.known(event.amount_minor))
        case _:
            assert_never(event)


def exchanged_profile(event: Profile, era: Era) -> Profile:
    """Return a profile event with those amounts in the rulebook's currency that have a rate."""
    patch: dict[str, Any] = {}
    for name in MONEY_ATTRIBUTES:
        amount, currency = f"{name}.amount_minor", f"{name}.currency"
        said = event.patch.get(amount)
        if not isinstance(said, int) or event.patch.get(currency) in {None, era.currency}:
            continue
        rate = _rate(era, event.patch[currency], iso_date(era.zone.day(event.occurred_at)))
        if rate is not None:
            patch |= {amount: rate.of(said), currency: rate.home}
    return replace(event, patch={**event.patch, **patch}) if patch else event


def _lines(lines: tuple[Line, ...], rate: _Rate) -> tuple[Line, ...]:
    return tuple(
        replace(
            line,
            net_amount_minor=rate.of(line.net_amount_minor),
            list_amount_minor=rate.known(line.list_amount_minor),
        )
        for line in lines
    )


def _rate(era: Era, currency: str | None, date: str) -> _Rate | None:
    home = era.currency
    if home is None or currency is None:
        return None
    days = [
        day
        for day in era.record.rates
        if day.base == home and day.date <= date and currency in day.rates
    ]
    if not days:
        return None
    worth = max(days, key=lambda day: day.date).rates[currency]
    shift = MINOR_DIGITS[home] - MINOR_DIGITS[currency]
    # As it was written, digit by digit: 0.95 is meant, and not the nearest binary fraction.
    return _Rate(home, Fraction(str(worth)) * Fraction(10) ** shift)
