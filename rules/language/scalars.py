"""What stands at the leaves of a rulebook: names, texts, numbers, durations.

Each has one validator: a union would tell of each of its kinds that it is not what was written.
"""

from __future__ import annotations

from keyword import iskeyword
from math import isfinite
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from models.money import MINOR_DIGITS
from rules.facts.vocabulary import Unit

TEXT_MAX = 128  # characters
COUNTED = tuple(unit for unit in Unit if unit not in {Unit.MONEY, Unit.TEXT, Unit.TRUTH})


def _is_no_keyword(name: str) -> str:
    if iskeyword(name):
        raise ValueError(f"`{name}` is a word of Python: expressions could not name it")
    return name


def _is_number(value: object) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole or (isinstance(value, float) and isfinite(value))


def _number(value: object) -> object:
    if not _is_number(value):
        raise PydanticCustomError("number", "must be a number")
    return value


def _text_or_number(value: object) -> object:
    if not _is_number(value) and not (isinstance(value, str) and 0 < len(value) <= TEXT_MAX):
        raise PydanticCustomError("text_or_number", "must be a text or a number")
    return value


def _bound(value: object) -> object:
    is_name = isinstance(value, str) and value != ""
    if not is_name and not (isinstance(value, int) and value in {0, 1} and _is_number(value)):
        raise PydanticCustomError("bound", "is not a parameter")
    return value


def _affirmed(value: object) -> object:
    if value is not True:  # 1 equals it, and a `Literal` compares
        raise PydanticKnownError("literal_error", {"expected": "True"})
    return value


Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Asked: TypeAlias = Annotated[Name, AfterValidator(_is_no_keyword)]  # expressions name it
Label: TypeAlias = dict[Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]+)?$")], str]
Expression: TypeAlias = Annotated[str, Field(min_length=1)]
Bound: TypeAlias = Annotated[  # a parameter's name, 0 or 1
    str | int, PlainValidator(_bound, json_schema_input_type=Expression | Literal[0, 1])
]
Number: TypeAlias = Annotated[
    int | float, PlainValidator(_number, json_schema_input_type=int | float)
]
Measured: TypeAlias = Annotated[  # a currency, or a unit of facts
    str,
    Field(min_length=1),
    WithJsonSchema({"type": "string", "enum": [*COUNTED, *MINOR_DIGITS]}),
]
Days: TypeAlias = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}d$")]
DaysOrNone: TypeAlias = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,3})d$")]
Duration: TypeAlias = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,3})[dh]$")]
Lasting: TypeAlias = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[dh]$")]
Whole: TypeAlias = Annotated[int, Strict()]
Truth: TypeAlias = Annotated[bool, Strict()]
Affirmed: TypeAlias = Annotated[Literal[True], BeforeValidator(_affirmed)]  # `true`, or left out
Score: TypeAlias = Annotated[Whole, Field(ge=0, le=100)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
TextOrNumber: TypeAlias = Annotated[
    str | int | float,
    PlainValidator(_text_or_number, json_schema_input_type=Text | int | float),
]
