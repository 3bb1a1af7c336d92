"""Why: everything that a rulebook says of a customer at an instant, and what decided it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.calendar import iso_date, rfc3339
from models.customer import CustomerState
from models.events import CustomerEvent
from rules.book import Book, Given
from rules.explanation.evidence import evidence, of_condition, of_dimension
from rules.explanation.needs import missing, missing_for_next
from rules.explanation.view import Text, Truth, View
from rules.language.tree import Condition

__all__ = ["Explained", "Explanation", "evidence", "explain", "missing", "missing_for_next"]


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule and the comparisons that decided it, in the form of an output's `evidence`."""

    rule: str
    holds: Truth
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ExplainedDimension:
    """A dimension, its category (or categories; None: unknown), and what decided it."""

    name: str
    category: Text
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ExplainedTier:
    """A tier: whether its `qualify` is true, whether it is held, and why.

    What is not known keeps nobody from her own tier, and lifts nobody into another: there it is
    unknown.
    """

    name: str
    qualifies: bool
    held: Truth
    qualify: Explained
    keep: Explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that a rulebook says of a customer at an instant.

    `changes_by_itself_at` is when to look again if nothing happens (RFC 3339); None: never.
    """

    at: str
    today: str
    band: str | None
    dimensions: tuple[ExplainedDimension, ...]
    tiers: tuple[ExplainedTier, ...]
    policies: tuple[Explained, ...]
    changes_by_itself_at: str | None


def explain(
    book: Book,
    state: CustomerState,
    now: int,
    band: int | None,
    given: Given,
    history: Sequence[CustomerEvent] = (),
) -> Explanation:
    """Explain all conclusions about a customer; the arguments are those of `Book.conclude`.

    Her tier is the one last concluded. With her `history`, each comparison names the events that it
    was computed from.
    """
    view = View(book, state, now, band, given, state.concluded.tier)
    view.history = history
    due = book.conclude(state, now, band, given)[3]
    return Explanation(
        at=rfc3339(now),
        today=iso_date(view.today),
        band=view.band,
        dimensions=tuple(
            ExplainedDimension(
                rules.name,
                view.category(rules.name),
                tuple(of_dimension(view, rules)),
            )
            for rules in book.rules.dimensions
        ),
        tiers=tuple(_tier(view, index) for index in range(len(book.tiers))),
        policies=tuple(
            _explained(view, f"policies.{policy.name}.while", policy.condition)
            for policy in book.rules.policies
        ),
        changes_by_itself_at=None if due is None else rfc3339(due),
    )


def _tier(view: View, index: int) -> ExplainedTier:
    rules = view.book.rules.tiers[index]
    qualify = _explained(view, f"tiers.{rules.name}.qualify", rules.qualify)
    keep = _explained(view, f"tiers.{rules.name}.keep", rules.keep)
    held: Truth = keep.holds is not False or qualify.holds is True
    if rules.name != view.tier and True not in {keep.holds, qualify.holds}:
        held = None if None in {keep.holds, qualify.holds} else False
    return ExplainedTier(rules.name, qualify.holds is True, held, qualify, keep)


def _explained(view: View, rule: str, condition: Condition | None) -> Explained:
    if condition is None:
        return Explained(rule, holds=True, evidence=())
    return Explained(rule, view.holds(condition), tuple(of_condition(view, rule, condition)))
