"""Profile patches: attributes by name, JSON Merge Patch (RFC 7396), flattened to dotted names.

An object here is written whole: an income without its currency would be no income. Its fields
become dotted names (`income.currency`), so the canonical patch maps names to scalars and lists, and
a null object deletes each of its fields. A list replaces the list before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from models import events
from models.wire.base import CustomerInput, Input, nested_unknown
from models.wire.fields import Amount, CalendarDate, Count, Currency, DateAsWritten, Instant, Name

CUSTOM_MAX = 32
LIST_MAX = 64
TEXT_MAX = 256
_NUMBER_MAX = 2**53 - 1  # integers that every JSON reader holds exactly (RFC 8259, section 6)

Names = Annotated[tuple[Name, ...], Field(max_length=LIST_MAX)]
CustomName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _scalar(value: object) -> str | float | bool | None:
    if isinstance(value, str) and len(value) > TEXT_MAX:
        message = f"is longer than {TEXT_MAX} characters; keep texts elsewhere and refer to them"
        raise PydanticCustomError("scalar", message)
    if isinstance(value, int | float) and not abs(value) <= _NUMBER_MAX:
        message = "is not a finite number within ±(2^53 - 1); write it as a text"
        raise PydanticCustomError("scalar", message)
    if value is not None and not isinstance(value, str | int | float):
        message = "is not a scalar; write a text, a number, true, false or null"
        raise PydanticCustomError("scalar", message)
    return value


Scalar = Annotated[
    str | float | bool | None,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"], "maxLength": TEXT_MAX}),
]


class Income(Input):
    """An income, per month or per year."""

    amount_minor: Amount
    """Minor units of `currency`."""

    currency: Currency
    period: Literal["month", "year"]


class Revenue(Input):
    """A company's revenue of a year."""

    amount_minor: Amount
    """Minor units of `currency`."""

    currency: Currency


class Consent(Input):
    """Whether the customer agrees to a use of personal data, and since when."""

    granted: bool

    at: Instant | None = None
    """When it was given or withdrawn; the event's `occurred_at` where it is not given."""


class Consents(Input):
    """Consent by purpose; a withdrawn consent makes what rests on it unknown."""

    profiling: Consent | None = None
    sensitive: Consent | None = None
    marketing: Consent | None = None

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown purposes, and the unknown fields of the known ones."""
        return (
            super().unknown_fields()
            + nested_unknown("profiling", (self.profiling,))
            + nested_unknown("sensitive", (self.sensitive,))
            + nested_unknown("marketing", (self.marketing,))
        )


class Patch(Input):
    """The attributes that became known; null deletes one, a missing one stays as it is."""

    joined_at: DateAsWritten | None = None
    """The day on which the customer joined; of an instant, its date as written."""

    hired_on: CalendarDate | None = None
    birth_date: CalendarDate | None = None

    income: Income | None = None
    income_band: Name | None = None
    occupation: Name | None = None
    industry: Name | None = None
    job_type: Name | None = None
    trade: Name | None = None
    skill_level: Name | None = None
    education: Name | None = None

    economic_role: Name | None = None
    """Such as `consumer`, `producer` or `distributor`."""

    country: Name | None = None
    province: Name | None = None
    city: Name | None = None

    home_province: Name | None = None
    """Where the customer comes from, beside where she lives."""

    scale: Name | None = None
    """The account's scale as its manager declares it, such as `large`."""

    employees: Count | None = None
    annual_revenue: Revenue | None = None
    business_scope: Names | None = None
    partnership: Name | None = None
    requirements: Names | None = None

    household_size: Count | None = None
    children: Count | None = None

    reach: Count | None = None
    """How many people the customer influences."""

    interests: Names | None = None
    gender: Name | None = None
    culture: Name | None = None
    need_level: Name | None = None
    consents: Consents | None = None

    custom: Annotated[dict[CustomName, Scalar], Field(max_length=CUSTOM_MAX)] = Field(
        default_factory=dict
    )
    """Attributes of one's own, by lower-case name: texts, numbers, true, false or null."""

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown attributes, and the unknown fields of the known ones."""
        return (
            super().unknown_fields()
            + nested_unknown("income", (self.income,))
            + nested_unknown("annual_revenue", (self.annual_revenue,))
            + nested_unknown("consents", (self.consents,))
        )

    def flat(self, occurred_at: int) -> dict[str, Any]:
        """Return the given attributes by dotted name; a consent without `at` is as of then."""
        return dict(_flat(self, "", occurred_at))


# The objects of a patch: a null one deletes each of these.
_PARTS: Mapping[str, type[Input]] = {
    "income": Income,
    "annual_revenue": Revenue,
    "consents": Consents,
    "consents.profiling": Consent,
    "consents.sensitive": Consent,
    "consents.marketing": Consent,
}


def _flat(part: Input, prefix: str, occurred_at: int) -> Iterator[tuple[str, Any]]:
    given = part.model_fields_set
    for name in type(part).model_fields:
        dotted = prefix + name
        value = getattr(part, name)
        if isinstance(part, Consent):
            yield dotted, occurred_at if value is None else value
        elif name not in given:
            continue
        elif isinstance(value, Input):
            yield from _flat(value, f"{dotted}.", occurred_at)
        elif isinstance(value, dict):
            yield from ((f"{dotted}.{key}", scalar) for key, scalar in value.items())
        elif value is None and dotted in _PARTS:
            yield from _deleted(dotted)
        else:
            yield dotted, list(value) if isinstance(value, tuple) else value


def _deleted(dotted: str) -> Iterator[tuple[str, None]]:
    part = _PARTS.get(dotted)
    if part is None:
        yield dotted, None
        return
    for name in part.model_fields:
        yield from _deleted(f"{dotted}.{name}")


class Profile(CustomerInput):
    """Attributes of a customer that became known; per attribute the newest event time wins."""

    event: Literal["profile"]
    patch: Patch

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown fields of the event and of its patch."""
        return super().unknown_fields() + nested_unknown("patch", (self.patch,))

    def fact(self) -> events.Profile:
        """Return the canonical profile event, its patch flattened to dotted names."""
        return events.Profile(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            patch=self.patch.flat(self.occurred_at),
        )
