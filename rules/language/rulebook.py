"""Reading a rulebook's text into `entries.Rulebook`, every mistake with its line.

A rule that is accepted works: what the language does not have is refused by name, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rules.language.document import Document, Finding, Path, load, refusal
from rules.language.entries import MODELS, Rulebook
from rules.language.hints import listed
from rules.language.include import included
from rules.language.keys import about, keys, meant_keys

_NUMBERS = ("number", "decimal_parsing", "decimal_type", "float_parsing", "float_type")
_DATES = ("date_from_datetime_parsing", "date_from_datetime_inexact", "date_parsing", "date_type")
_EXPLAINED = {
    "string_pattern_mismatch": "is not written as expected:",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number, not"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false, not"),
    "string_type": "must be a text, not",
    "dict_type": "must be a mapping, not",
    "model_type": "must be a mapping, not",
    "list_type": "must be a list, not",
    "tuple_type": "must be a list, not",
    **dict.fromkeys(_NUMBERS, "must be a number, not"),
    **dict.fromkeys(_DATES, "is no date:"),
    "text_or_number": "must be a text or a number, not",
}
_HINTS = {
    "value": "write a number such as 100 or 0.5",
    "points": "write a number such as 30 or -10",
    "label": "labels are written as: {en: Gold, zh: 金卡}",
    "minimum_stay": "write a duration such as 24h or 7d; of a tier, in days",
    "minimum_history": "write a duration such as 24h or 14d",
    "horizon": "write a number of days such as 90d",
    "grace": "write a number of days such as 30d",
    "warn": "write a number of days such as 30d",
    "every": "write a number of days such as 90d",
    "cooldown": "write a duration such as 12h or 60d",
    "valid_for": "write a duration such as 12h or 14d",
    "new_for": "write a number of days such as 30d",
    "churned_after": "write a number of days such as 180d",
    "version": "write a whole number such as 2, without quotes",
    "enter": "write a whole number from 0 to 100, such as 75",
    "score_step": "write a whole number from 1 to 100, such as 15, or leave it out",
    "scores": 'write a list such as: [{points: 30, if: "orders(days=365) > 0"}]',
    "entries": "write a mapping such as: {Shanghai: big, Ningbo: small}",
    "rfm": "write rfm: true, or leave it out",
    "at": "write a date such as 2026-01-05, which means noon in the rulebook's zone",
    "times": "write a whole number from 1 to 400",
}
_GROUPED = str.maketrans("", "", "_'’ ")  # between the digits of a number
_QUOTED_MAX = 40  # characters
_DIGITS_MAX = 15
_NAME_HINT = "names are lower case, such as: gold_member"


def read(text: str, file: str) -> tuple[Rulebook, Document]:
    """Read a rulebook's text.

    Raises:
        BadRulebook: the text is not a rulebook; every finding has its line and a hint.
    """
    document = included(load(text, file))
    try:
        return Rulebook.model_validate(document.data), document
    except ValidationError as error:
        raise refusal(_findings(document, error.errors())) from None


def _findings(document: Document, problems: list[ErrorDetails]) -> Iterator[Finding]:
    """Yield a finding for each mistake."""
    # A list with a bad item is also said to be too short: keep what is said of the item.
    inner = {problem["loc"][:i] for problem in problems for i in range(len(problem["loc"]))}
    meant = {
        (*problem["loc"][:-1], key)
        for problem in problems
        if problem["type"] == "extra_forbidden"
        for key in meant_keys(problem["loc"])
    }
    for problem in problems:
        is_explained = problem["type"] == "missing" and problem["loc"] in meant
        # What is wrong within a mapping is said; that it could have been a word need not be.
        is_mapping = problem["type"] == "literal_error" and isinstance(problem["input"], dict)
        if problem["loc"] not in inner and not is_explained and not is_mapping:
            yield _finding(document, problem)


def _finding(document: Document, problem: ErrorDetails) -> Finding:
    """Say one of pydantic's complaints in the words of a rulebook's author."""
    path: Path = problem["loc"]
    name = str(path[-1]) if path else "the rulebook"
    kind = problem["type"]
    if kind == "extra_forbidden":
        meant = " or ".join(meant_keys(path))
        hint = f"did you mean {meant}?" if meant else listed(keys(path[:-1]))
        return document.finding(path, f"unknown key `{name}`", hint)
    if kind == "missing":
        return document.finding(path, f"`{name}` is missing", _HINTS.get(name) or about(path))
    if path and path[-1] == "[key]":
        word, path = path[-2], path[:-1]
        if kind == "value_error":
            hint = f"give it another name, such as: {word}_name"
            return document.finding(path, problem["msg"].removeprefix("Value error, "), hint)
        if path[-2] == "label":
            return document.finding(path, f"{word!r} is no language code", _HINTS["label"])
        return document.finding(path, f"{word!r} is not a name", _NAME_HINT)
    key = next((str(p) for p in reversed(path) if p in _KEYS), name)
    written = _written(problem["input"])
    hint = _hint(problem, key)
    match kind:
        case "value_error":
            what = problem["msg"].removeprefix("Value error, ")
        case "bound":
            what = f"the bound {written} is not a parameter"
        case "literal_error":
            expected = problem["ctx"]["expected"].replace("True", "true")
            what = f"`{key}` must be {expected}, not {written}"
        case _ if kind in _EXPLAINED:
            what = f"`{key}` {_EXPLAINED[kind]} {written}"
        case _:
            what = f"`{key}` is wrong: {problem['msg']}"
    return document.finding(path, what, hint)


def _hint(problem: ErrorDetails, key: str) -> str:
    """Say what to write in place of what was written: the key's own hint, or what it is for."""
    kind, path, given = problem["type"], problem["loc"], problem["input"]
    match kind:
        case "bound":
            return f"name it: parameters: {{a_name: {{value: {_written(given)}, unit: …, why: …}}}}"
        case "model_type":
            return listed(keys(path))
        case "tuple_type" | "list_type" if isinstance(given, str):
            return f"write [{given}]"
        case "string_pattern_mismatch" if key not in _HINTS:
            return _NAME_HINT
        case _ if key == "name":
            return _NAME_HINT
        case _ if kind in _NUMBERS and (number := _as_number(given)):
            return number
        case _ if kind in _DATES:
            return _HINTS["at"] if key == "at" else "write a date such as 2026-01-05"
    return _HINTS.get(key) or ("" if kind == "value_error" else about(path))


def _written(value: object) -> str:
    """Return what was written, as a message quotes it."""
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None | bool():
            return "nothing" if value is None else str(value).lower()
        case str() if len(value) > _QUOTED_MAX:
            return f"{value[:_QUOTED_MAX]!r}…"
    return repr(value)


def _as_number(written: object) -> str:
    """Return how to write a text that is a number to people, "" if it is none."""
    if not isinstance(written, str):
        return ""
    text = written.strip().translate(_GROUPED)
    with suppress(InvalidOperation):
        number = Decimal(text.removesuffix("%"))
        if number.is_finite() and abs(number.adjusted()) <= _DIGITS_MAX:
            meant = number / 100 if text.endswith("%") else number
            return f"write {meant.normalize():f}, as a plain number"
    return ""


_KEYS = frozenset(
    field.alias or name for model in MODELS for name, field in model.model_fields.items()
)
