"""The YAML rulebook as it is written: one frozen model per construct, every mistake with its line.

What the language will have but does not have yet is refused by name, never ignored: a rule that is
accepted works.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from models.calendar import Calendar
from models.money import MINOR_DIGITS
from rules.document import Document, Finding, Path, load, refusal
from rules.stories import STEP_MODELS, Step, Story

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Label: TypeAlias = dict[Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]+)?$")], str]
Expression: TypeAlias = Annotated[str, Field(min_length=1)]
Bound: TypeAlias = Annotated[str, Field(min_length=1)] | Literal[0, 1]
Days: TypeAlias = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}d$")]
Duration: TypeAlias = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,3})[dh]$")]
Score: TypeAlias = Annotated[int, Field(ge=0, le=100, strict=True)]

RULES_MAX = 200
CATEGORIES_MAX = 64
TIERS_MAX = 32

# Keys of the language that this version does not have.
PLANNED = frozenset(
    (
        *("lifecycle", "groups", "policies", "actions", "tables", "sites", "scores", "measures"),
        *("include", "personal", "was", "all_matches", "value_of", "review", "refund", "warn"),
        *("grace", "minimum_stay", "override", "warning"),
    )
)
_EXPLAINED = {
    "string_pattern_mismatch": (
        "is not written as expected: a name is like `corner_shop`, a duration like `30d` or `12h`"
    ),
    "int_type": "must be a whole number",
    "string_type": "must be a text",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
_HINTS = {
    "label": "labels are written as: {en: Gold, zh: 金卡}",
    "minimum_stay": "write a duration such as 24h or 7d",
    "minimum_history": "write a duration such as 24h or 14d",
    "horizon": "write a number of days such as 90d",
    "upgrade": "only `upgrade: immediate` is available in this version",
    "at": "write a date such as 2026-01-05, which means noon in the rulebook's zone",
    "times": "write a whole number from 1 to 400",
}
_NAME_HINT = "names are lower case, such as: gold_member"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class ParameterEntry(_Model):
    """A bound with its unit (a currency code, or a unit of facts) and the reason for its value."""

    value: (
        Annotated[float, Field(allow_inf_nan=False, strict=True)]
        | Annotated[int, Field(strict=True)]
    )
    unit: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]


class LevelEntry(_Model):
    """One level of a measure."""

    name: Name
    label: Label = {}
    enter: Annotated[Bound | None, Field(alias="from")] = None
    keep: Bound | None = None


class CaseEntry(_Model):
    """One case of `first_match`."""

    name: Name
    label: Label = {}
    when: Expression | None = None
    otherwise: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.when is None) == (self.otherwise is None):
            raise ValueError("a case has either `when: …` or `otherwise: true`")
        return self


class DimensionEntry(_Model):
    """A dimension: `measure` and `levels`, or `first_match`."""

    label: Label = {}
    measure: Expression | None = None
    levels: Annotated[tuple[LevelEntry, ...], Field(max_length=CATEGORIES_MAX)] = ()
    first_match: Annotated[tuple[CaseEntry, ...], Field(max_length=CATEGORIES_MAX)] = ()
    only_if: Expression | None = None
    declared: Expression | None = None

    @model_validator(mode="after")
    def _one_construct(self) -> Self:
        by_measure = self.measure is not None and bool(self.levels) and not self.first_match
        by_cases = self.measure is None and not self.levels and bool(self.first_match)
        if not by_measure and not by_cases:
            raise ValueError("a dimension has either `measure` with `levels`, or `first_match`")
        return self


class TierEntry(_Model):
    """One step of the ladder. Without `keep`, a tier is held while it is qualified for."""

    name: Name
    label: Label = {}
    qualify: Expression | None = None
    keep: Expression | None = None


class Tiers(_Model):
    """The ladder, low to high, and how customers move on it."""

    upgrade: Literal["immediate"] = "immediate"
    downgrade: Literal["one_step", "to_qualified"] = "to_qualified"
    ladder: Annotated[tuple[TierEntry, ...], Field(min_length=1, max_length=TIERS_MAX)]


class BandEntry(_Model):
    """A churn band by score: entered from `enter`, left below `keep`."""

    enter: Score
    keep: Score

    @model_validator(mode="after")
    def _keep_is_lower(self) -> Self:
        if self.keep > self.enter:
            raise ValueError("`keep` is above `enter`: the band would be left as it is entered")
        return self


class Bands(_Model):
    """The bands above `low`."""

    medium: BandEntry
    high: BandEntry

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.high.enter <= self.medium.enter or self.high.keep <= self.medium.keep:
            raise ValueError("`high` must be entered and left above `medium`")
        return self


class Churn(_Model):
    """How churn risk is scored and banded."""

    horizon: Days
    bands: Bands
    minimum_stay: Duration = "0h"
    minimum_history: Duration = "0d"


class Rulebook(_Model):
    """A rulebook, as its author wrote it."""

    rulebook: Name
    version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    label: Label = {}
    zone: str
    currency: str
    parameters: dict[Name, ParameterEntry] = {}
    dimensions: Annotated[dict[Name, DimensionEntry], Field(max_length=RULES_MAX)] = {}
    tiers: Tiers
    churn: Churn | None = None
    examples: tuple[Story, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        Calendar(zone)
        return zone

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, currency: str) -> str:
        if currency not in MINOR_DIGITS:
            raise ValueError(f"{currency!r} is not an ISO 4217 currency code, such as GBP")
        return currency


def read(text: str, file: str) -> tuple[Rulebook, Document]:
    """Read a rulebook's text.

    Raises:
        BadRulebook: the text is not a rulebook; every finding has its line and a hint.
    """
    document = load(text, file)
    try:
        return Rulebook.model_validate(document.data), document
    except ValidationError as error:
        problems = error.errors()
        # A list with a bad item is also said to be too short: keep what is said of the item.
        inner = {problem["loc"][:i] for problem in problems for i in range(len(problem["loc"]))}
        said = [problem for problem in problems if problem["loc"] not in inner]
        raise refusal(_finding(document, problem) for problem in said) from None


def _finding(document: Document, problem: ErrorDetails) -> Finding:
    """Say one of pydantic's complaints in the words of a rulebook's author."""
    path: Path = problem["loc"]
    name = str(path[-1]) if path else "the rulebook"
    kind = problem["type"]
    if kind == "extra_forbidden" and name in PLANNED:
        hint = "take it out; nothing of a rulebook is ever ignored"
        return document.finding(path, f"`{name}` is not available in this version", hint)
    if kind == "extra_forbidden":
        return document.finding(path, f"unknown key `{name}`", nearest(name, _KEYS))
    if kind == "missing":
        return document.finding(path, f"`{name}` is missing", _HINTS.get(name, ""))
    if path and path[-1] == "[key]":
        return document.finding(path[:-1], f"{path[-2]!r} is not a name", _NAME_HINT)
    key = next((str(p) for p in reversed(path) if p in _KEYS), name)
    if kind == "value_error":
        what = problem["msg"].removeprefix("Value error, ")
    else:
        what = f"`{key}` {_EXPLAINED.get(kind) or 'is wrong: ' + problem['msg']}"
    hint = _NAME_HINT if key == "name" else _HINTS.get(key, "")
    return document.finding(path, what, hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what was probably meant, or lists what there is."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known are: {', '.join(names)}" if names else ""


_MODELS: tuple[type[BaseModel], ...] = (
    *(Rulebook, ParameterEntry, DimensionEntry, LevelEntry, CaseEntry),
    *(Tiers, TierEntry, Churn, Bands, BandEntry, Story, Step, *STEP_MODELS),
)
_KEYS = frozenset(
    field.alias or name for model in _MODELS for name, field in model.model_fields.items()
)
