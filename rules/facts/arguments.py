"""What the arguments of facts may be, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.fold_series import RETENTION_DAYS
from rules.language.hints import nearest

Kind: TypeAlias = Literal[
    "days", "choice", "choices", "text", "texts", "list", "date", "custom", "whole", "points"
]

TEXT_ATTRIBUTES = (
    *("city", "country", "culture", "economic_role", "education", "gender", "home_province"),
    *("income_band", "industry", "job_type", "need_level", "occupation", "partnership"),
    *("province", "scale", "skill_level", "trade"),
)
NUMBER_ATTRIBUTES = ("children", "employees", "household_size", "reach")
MONEY_ATTRIBUTES = ("annual_revenue", "income")
LIST_ATTRIBUTES = ("business_scope", "interests", "requirements")
DATE_ATTRIBUTES = ("birth_date", "hired_on", "joined_at")
CUSTOM = "custom."
_OWN = f"profile.{CUSTOM}<name>"

RANK_MAX = 10
POINTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Argument:
    """What an argument may be.

    days     a whole number of days, up to the retention of day buckets
    choice   one of `choices`; choices: one or several of them
    text     any text; texts: one or several
    list     an attribute of the profile that is a list; date: a date; custom: one of one's own
    whole    a rank, from 1; points: a number from 0 to 100
    """

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """What it may be, in words."""
        match self.kind:
            case "days":
                return f"1 to {RETENTION_DAYS} days"
            case "whole":
                return f"1 to {RANK_MAX}"
            case "points":
                return f"0 to {POINTS_MAX}"
            case "choice":
                return ", ".join(self.choices)
            case "choices":
                return f"{', '.join(self.choices)}; one or several"
            case "text":
                return "a text"
            case "texts":
                return "one or several texts"
            case "list":
                return ", ".join(f"profile.{name}" for name in LIST_ATTRIBUTES)
            case "date":
                dates = (f"profile.{name}" for name in DATE_ATTRIBUTES)
                return ", ".join((*dates, _OWN))
            case "custom":
                return _OWN

    def refusal(self, name: str, value: object) -> tuple[str, str] | None:
        """Return what is wrong with a value, and a hint; None: nothing."""
        match self.kind:
            case "days" | "whole" | "points":
                return self._refused_number(name, value)
            case "choices" | "texts" if isinstance(value, tuple):
                return next(filter(None, (self._refused_text(name, text) for text in value)), None)
        return self._refused_text(name, value)

    def _refused_number(self, name: str, value: object) -> tuple[str, str] | None:
        if self.kind == "points":
            fits = isinstance(value, int | float) and 0 <= value <= POINTS_MAX
            return None if fits else (f"`{name}` is a number of points", f"0 to {POINTS_MAX}")
        most = RETENTION_DAYS if self.kind == "days" else RANK_MAX
        if isinstance(value, int) and 1 <= value <= most:
            return None
        if self.kind == "whole":
            return f"`{name}` is a whole number", f"write 1 to {most}"
        what = "a window" if name == "days" else f"`{name}`"
        hint = f"day buckets are kept for {most} days; write 1 to {most}"
        return f"{what} of {value!r} days is not possible", hint

    def _refused_text(self, name: str, value: object) -> tuple[str, str] | None:
        if not isinstance(value, str):
            return f"`{name}` is a text", "put it in quotes"
        attribute = value.removeprefix("profile.")
        match self.kind:
            case "choice" | "choices" if value not in self.choices:
                return f"{name}={value!r} is not known", nearest(value, self.choices)
            case "list" if attribute not in LIST_ATTRIBUTES:
                lists = [f"profile.{name}" for name in LIST_ATTRIBUTES]
                return f"{value} is not a list of the profile", nearest(value, lists)
            case "date" if not (attribute in DATE_ATTRIBUTES or attribute.startswith(CUSTOM)):
                dates = [*(f"profile.{name}" for name in DATE_ATTRIBUTES), _OWN]
                return f"{value} is not a date of the profile", nearest(value, dates)
            case "custom" if not attribute.startswith(CUSTOM):
                return f"{value} is not an attribute of one's own", f"write {_OWN}"
        return None
