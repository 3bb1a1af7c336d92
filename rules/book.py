"""A rulebook in force: what the reducer needs of it. `compile` makes it of checked rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from models.calendar import Calendar
from models.churn_model import RiskModel
from models.customer import CustomerState
from models.events import CustomerEvent, RfmCutsActivated
from rules.language.checked import Rules
from rules.language.document import Finding
from rules.language.entries import Rulebook
from rules.language.tree import Value

LOWEST_BAND = "low"

CategoryValue: TypeAlias = int | str | None
Concluded: TypeAlias = tuple[int, int, list[CategoryValue], int | None]


@dataclass(frozen=True, slots=True)
class Given:
    """What an era gives to the rules beside the rulebook."""

    cuts: RfmCutsActivated | None
    model: RiskModel


NOTHING_GIVEN = Given(None, RiskModel())

Conclude: TypeAlias = Callable[[CustomerState, int, int | None, Given], Concluded]
Explain: TypeAlias = Callable[[CustomerState, int, int | None, Given], list[dict[str, Any]]]
Follow: TypeAlias = Callable[
    [
        CustomerState,
        int,
        int | None,
        Given,
        int | None,
        int,
        list[CategoryValue],
        CustomerEvent | None,
    ],
    tuple[int, int, int, int],
]


class Named(Protocol):
    """What a rulebook names, and what it was called before."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def label(self) -> Mapping[str, str]:
        """Language code to text."""
        ...

    @property
    def was(self) -> tuple[str, ...]:
        """Names that it had in earlier rulebooks."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """How long something lasts: days end at the beginning of a day, seconds exactly."""

    days: int | None
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of the ladder; `label`: language code to text."""

    name: str
    label: Mapping[str, str]
    grace_days: int = 0
    minimum_stay_days: int = 0
    warn_days: int = 0  # before a review
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """When tiers are judged, and what follows from it."""

    upgrade: Literal["immediate", "review"]
    downgrade: Literal["one_step", "to_qualified"]
    review: Literal["continuous", "monthly", "quarterly", "yearly", "joining", "tier"]
    refund: Literal["immediate", "grace"]


@dataclass(frozen=True, slots=True)
class Category:
    """One category of a dimension; `label`: language code to text."""

    name: str
    label: Mapping[str, str]
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension with its categories in the rulebook's order (levels: highest first).

    Its value in a state is an index (`single`), a bit mask (`many`), the text itself (`open`), or
    None: unknown.
    """

    name: str
    label: Mapping[str, str]
    kind: Literal["single", "many", "open"]
    categories: tuple[Category, ...]
    was: tuple[str, ...] = ()

    def names(self, category: CategoryValue) -> tuple[str, ...] | None:
        """Return the names of a category, or of all that hold; None: unknown."""
        if category is None:
            return None
        if isinstance(category, str):
            return (category,)
        if self.kind == "many":
            return tuple(c.name for i, c in enumerate(self.categories) if category >> i & 1)
        return (self.categories[category].name,)

    def label_of(self, name: str) -> dict[str, str]:
        """Return a category's label; an open dimension's have none."""
        for category in self.categories:
            if category.name == name:
                return dict(category.label)
        return {}

    def category(self, names: tuple[str, ...] | None) -> CategoryValue:
        """Return the value that stands for names, also for those that categories had before."""
        if names is None or (not names and self.kind != "many"):
            return None
        if self.kind == "open":
            return names[0]
        places = [i for i, c in enumerate(self.categories) if {c.name, *c.was} & {*names}]
        if self.kind == "many":
            return sum(1 << place for place in places)
        return places[0] if places else None


@dataclass(frozen=True, slots=True)
class Policy:
    """Something that holds while a condition is true."""

    name: str
    label: Mapping[str, str]
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something to be done at a moment (`has_when`), or again and again (`every_days`).

    `momentary`: its `when` speaks of a moment (an event, entering or leaving).
    """

    name: str
    label: Mapping[str, str]
    has_when: bool
    momentary: bool
    every_days: int | None = None
    cooldown: Span | None = None
    valid_for: Span | None = None
    consent: str | None = None
    on_activation: bool = False
    parameters: tuple[tuple[str, Value], ...] = ()
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A churn band above `low`: entered from score `enter`, left below `keep` (0 to 100)."""

    name: str
    enter: int
    keep: int


@dataclass(frozen=True, slots=True)
class ChurnRules:
    """How churn risk is banded. Band 0 is `low`, band i is `bands[i - 1]`.

    `score_step`: how far the score has to move from the one last told to be told within a band;
    None: it is told with bands only.
    """

    horizon_days: float
    bands: tuple[Band, ...]
    minimum_stay_s: int
    minimum_history_s: int
    score_step: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all bands, lowest first: a band's index is its place here."""
        return (LOWEST_BAND, *(band.name for band in self.bands))


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A rulebook in force.

    `conclude(state, now, band, given)` returns the bit mask of the tiers whose `qualify` is true,
    the bit mask of the tiers that are held (`keep` or `qualify`; an unknown `keep` holds), a
    `CategoryValue` per dimension, and when to look again: the earliest instant after `now` at
    which, without events, a comparison that the book makes may change, or None: never. That instant
    may be early, never late, and does not look at churn bands. Hysteresis reads
    `state.concluded.categories`. Dimensions that depend on the tier are None in it.

    `again` is `conclude` for a customer whose profile is as it was when `state.concluded` was
    concluded, by the same book: what the profile alone decides is taken from there.

    `ladder` is `conclude` for the tiers alone (its categories are not to be used): its instants are
    those at which a tier may change, few enough to look ahead.

    `follow(state, now, band, given, tier, matched, categories, event)` concludes what may depend on
    the tier, once that is known: `tier` is its index, `matched` the mask of those qualified for.
    It fills the missing dimensions in `categories` in place, and returns four bit masks: the
    policies whose `while` is true; the actions whose `when` is true; those whose `when`, without
    its moments, is true; those whose `while` and consent are true. `entered` and `left` compare
    with `state.concluded`, which must still be of the evaluation before. `event` is the event that
    is evaluated, None for timers and activations. None: there is nothing to follow.

    `missing` and `evidence` have functions by the rule that they explain, for rules that compare
    numbers only: they return what `rules.explanation` finds by walking the trees.

    `now` is in seconds; `band` is an index into `ChurnRules.names`, None without enough history.
    """

    name: str
    version: int
    fingerprint: str
    label: Mapping[str, str]
    zone: Calendar
    currency: str
    tiers: tuple[Tier, ...]
    timing: Timing
    dimensions: tuple[Dimension, ...]
    policies: tuple[Policy, ...]
    actions: tuple[Action, ...]
    repeating: int  # bit mask of the actions that are asked for again and again
    momentary: int  # of those whose `when` speaks of a moment
    churn: ChurnRules | None
    warnings: tuple[Finding, ...]  # what the lint advises against
    conclude: Conclude = field(repr=False, compare=False)
    again: Conclude = field(repr=False, compare=False)
    ladder: Conclude = field(repr=False, compare=False)
    follow: Follow | None = field(repr=False, compare=False)
    missing: Mapping[str, Explain] = field(repr=False, compare=False)
    evidence: Mapping[str, Explain] = field(repr=False, compare=False)
    rules: Rules = field(repr=False)
    source: Rulebook = field(repr=False)
    program: str = field(repr=False)  # the generated Python text, for people who debug it
