"""Control events that concern every customer: what conclusions are drawn with changes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from models import events
from models.churn import PARAMETER_MAX, Coins
from models.churn_calibration import Platt
from models.wire.base import EraInput, Input, nested_unknown
from models.wire.fields import CalendarDate, Count, Currency, Name, PositiveFloat

BOOK_BYTES_MAX = 512 * 1024
RATES_MAX = 200
_PARAMETER_MIN = 1e-9

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _book_size(text: str) -> str:
    if len(text.encode()) > BOOK_BYTES_MAX:
        message = f"is larger than {BOOK_BYTES_MAX:,} bytes; move tables out, or split the book"
        raise PydanticCustomError("book_size", message)
    return text


Cuts = tuple[float, float, float, float]


def _rising(cuts: Cuts) -> Cuts:
    if any(low > high for low, high in pairwise(cuts)):
        raise PydanticCustomError("cuts", "does not rise; write the four cuts in ascending order")
    return cuts


RisingCuts = Annotated[Cuts, AfterValidator(_rising)]


class RulebookActivated(EraInput):
    """A rulebook comes into force."""

    event: Literal["rulebook.activated"]
    name: Name
    version: Version

    text: Annotated[str, Field(min_length=1), AfterValidator(_book_size)]
    """The YAML as the analyst wrote it, at most 512 KiB."""

    def era(self, number: int) -> events.RulebookActivated:
        """Return the canonical event."""
        return events.RulebookActivated(
            number=number,
            by=self.by,
            reason=self.reason,
            name=self.name,
            version=self.version,
            text=self.text,
        )


Coin = Annotated[float, Field(ge=0, lt=1)]


def _within_a_fit(value: float) -> float:
    """Refuse what no fit comes near, and what cannot be computed with any more."""
    if not _PARAMETER_MIN <= value <= PARAMETER_MAX:
        message = f"lies beyond any fit: from {_PARAMETER_MIN:g} to {PARAMETER_MAX:g}"
        raise PydanticCustomError("beyond_a_fit", "{message}", {"message": message})
    return value


ChurnParameter = Annotated[PositiveFloat, AfterValidator(_within_a_fit)]


class Calibration(Input):
    """Platt's map from a model's risk to what becomes of such customers, in log-odds."""

    intercept: float

    slope: PositiveFloat
    """Above 1, risks are told further apart than the model says; below, closer together."""

    def canonical(self) -> Platt:
        """Return the canonical calibration."""
        return Platt(intercept=self.intercept, slope=self.slope)


class ChurnCoins(Input):
    """The probability that one bad experience makes a customer leave."""

    low: Coin
    """Of a complaint of low severity, or of none."""

    medium: Coin
    high: Coin
    critical: Coin

    resolved_factor: Coin
    """What is left, as a share, of a complaint's probability once it is resolved well."""

    detractor: Coin
    """Of negative feedback."""

    def canonical(self) -> Coins:
        """Return the canonical coins."""
        return Coins(
            low=self.low,
            medium=self.medium,
            high=self.high,
            critical=self.critical,
            resolved_factor=self.resolved_factor,
            detractor=self.detractor,
        )


class ChurnModelActivated(EraInput):
    """A fitted churn model comes into force."""

    event: Literal["churn-model.activated"]
    version: Version
    r: ChurnParameter

    alpha_days: ChurnParameter
    """The rate parameter of the purchase rate's gamma distribution, in days."""

    a: ChurnParameter
    b: ChurnParameter

    calibration: Calibration | None = None
    """Without it, risks are told as the parameters give them."""

    coins: ChurnCoins | None = None
    """Without them, complaints and bad feedback count as assumed by default."""

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the dotted names of the fields that this version does not know."""
        return (
            super().unknown_fields()
            + nested_unknown("calibration", (self.calibration,))
            + nested_unknown("coins", (self.coins,))
        )

    def era(self, number: int) -> events.ChurnModelActivated:
        """Return the canonical event."""
        return events.ChurnModelActivated(
            number=number,
            by=self.by,
            reason=self.reason,
            version=self.version,
            r=self.r,
            alpha_days=self.alpha_days,
            a=self.a,
            b=self.b,
            calibration=None if self.calibration is None else self.calibration.canonical(),
            coins=None if self.coins is None else self.coins.canonical(),
        )


class RfmCutsActivated(EraInput):
    """The cuts between the five grades of recency, frequency and monetary value."""

    event: Literal["rfm-cuts.activated"]
    version: Version

    recency: RisingCuts
    """Days since the last purchase."""

    frequency: RisingCuts
    """Orders."""

    monetary: RisingCuts
    """Minor units of the rulebook's currency."""

    def era(self, number: int) -> events.RfmCutsActivated:
        """Return the canonical event."""
        return events.RfmCutsActivated(
            number=number,
            by=self.by,
            reason=self.reason,
            version=self.version,
            recency=self.recency,
            frequency=self.frequency,
            monetary=self.monetary,
        )


class RatesSet(EraInput):
    """Exchange rates from a day on, until there are newer ones."""

    event: Literal["rates.set"]

    base: Currency
    """The rulebook's currency: amounts in others are converted to it."""

    date: CalendarDate

    rates: Annotated[dict[Currency, PositiveFloat], Field(min_length=1, max_length=RATES_MAX)]
    """By currency: what one unit of it is worth in units of `base`."""

    def era(self, number: int) -> events.RatesSet:
        """Return the canonical event."""
        return events.RatesSet(
            number=number,
            by=self.by,
            reason=self.reason,
            base=self.base,
            date=self.date,
            rates=self.rates,
        )


class EngineRaised(EraInput):
    """A worker with a newer engine, or newer time zone data, takes over."""

    event: Literal["engine.raised"]
    engine: Count

    tzdata: Name
    """The version of the time zone data, such as `2026a`."""

    def era(self, number: int) -> events.EngineRaised:
        """Return the canonical event."""
        return events.EngineRaised(
            number=number,
            by=self.by,
            reason=self.reason,
            engine=self.engine,
            tzdata=self.tzdata,
        )
