"""The field types that input events share: what a producer may write, and what it becomes.

Each type refuses here, with a message that says what to write instead, whatever the canonical
event could not hold. Instants become whole seconds, decimal quantities become thousandths.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, GetPydanticSchema, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from models.calendar import DAY_S
from models.events import AMOUNT_MAX
from models.money import MINOR_DIGITS

_DATE_LENGTH = len("2026-05-31")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT_MAX_S = 4_102_444_800  # 2100-01-01T00:00:00Z
QUANTITY_MAX = 10**9
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
UNKNOWN_CURRENCY = "unknown_currency"  # the type of an error that has a reason of its own

_E_MAIL_FORM = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# Ids are joined by NUL before they are hashed, and printed by operators: no control characters.
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def instant(text: object) -> int:
    """Return an RFC 3339 text's whole seconds since 1970 (UTC); fractions are cut off.

    Raises:
        PydanticCustomError: not such a text, without an offset, or outside 1970 to 2100.
    """
    form = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if form is None:
        raise _bad_instant()
    if form["offset"] is None:
        message = "has no offset; write an instant such as 2026-05-31T08:00:00Z or …+08:00"
        raise PydanticCustomError("instant", message)
    try:
        since = datetime.fromisoformat(form.string.upper()) - _EPOCH
    except ValueError as error:
        raise _bad_instant() from error
    seconds = since.days * DAY_S + since.seconds
    if not 0 <= seconds <= INSTANT_MAX_S:
        message = "lies outside 1970 to 2100; is it the right field, in the right unit?"
        raise PydanticCustomError("instant", message)
    return seconds


def _bad_instant() -> PydanticCustomError:
    message = "is not an RFC 3339 instant; write one such as 2026-05-31T08:00:00Z"
    return PydanticCustomError("instant", message)


def thousandths(number: object) -> int:
    """Return a decimal quantity in thousandths: 1.25 becomes 1250.

    Raises:
        PydanticCustomError: not a number, negative, above `QUANTITY_MAX`, or finer than 0.001.
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise PydanticCustomError("quantity", "is not a number; write one such as 12 or 1.25")
    if not 0 <= number <= QUANTITY_MAX:
        message = f"lies outside 0 to {QUANTITY_MAX:,}; a refund's lines are positive, too"
        raise PydanticCustomError("quantity", message)
    milli = round(number * 1000)
    # Division rounds correctly, so a decimal of three digits reads as exactly this float.
    if milli / 1000 != number:
        message = "has more than 3 decimals; round it, or write it in a smaller unit"
        raise PydanticCustomError("quantity", message)
    return milli


def _calendar_date(text: str) -> str:
    try:
        valid = date.fromisoformat(text).isoformat() == text
    except ValueError:
        valid = False
    if not valid:
        raise _bad_date()
    return text


def _date_as_written(text: object) -> str:
    """Return the date of a calendar date or an instant; whose zone it is, its writer knew."""
    if not isinstance(text, str):
        raise _bad_date()
    if len(text) > _DATE_LENGTH:
        instant(text)
    return _calendar_date(text[:_DATE_LENGTH])


def _bad_date() -> PydanticCustomError:
    return PydanticCustomError("date", "is not a calendar date; write one such as 2026-05-31")


def _opaque(customer_id: str) -> str:
    if "@" in customer_id and _E_MAIL_FORM.search(customer_id):
        message = "holds an e-mail address; send an opaque id that says nothing by itself"
        raise PydanticCustomError("e_mail", message)
    return customer_id


def _currency_schema() -> core_schema.CoreSchema:
    # A literal's look-up costs a tenth of a validator written in Python.
    return core_schema.custom_error_schema(
        core_schema.literal_schema(list(MINOR_DIGITS)),
        custom_error_type=UNKNOWN_CURRENCY,
        custom_error_message="is not an ISO 4217 currency code, such as 'EUR'",
    )


Id = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
CustomerId = Annotated[
    str, Field(min_length=1, max_length=128, pattern=_PRINTABLE), AfterValidator(_opaque)
]
SourceName = Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
Name = Annotated[str, Field(max_length=128)]
Kind = Annotated[str, Field(min_length=1, max_length=64)]
Channel = Literal["online", "offline", "other"]
Severity = Literal["low", "medium", "high", "critical"]
Polarity = Literal["positive", "neutral", "negative"]

Amount = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
PositiveAmount = Annotated[int, Field(gt=0, le=AMOUNT_MAX)]
SignedAmount = Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
Count = Annotated[int, Field(ge=0, le=10**12)]
PositiveFloat = Annotated[float, Field(gt=0)]

Currency = Annotated[
    str,
    GetPydanticSchema(lambda _source, _handler: _currency_schema()),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code."}),
]
Instant = Annotated[
    int,
    PlainValidator(instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Thousandths = Annotated[
    int,
    PlainValidator(thousandths),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": QUANTITY_MAX}),
]
CalendarDate = Annotated[
    str,
    AfterValidator(_calendar_date),
    WithJsonSchema({"type": "string", "format": "date"}),
]
DateAsWritten = Annotated[
    str,
    PlainValidator(_date_as_written),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([Tt ].+)?$"}),
]
