"""Judging a tier as of another instant than now: of a deadline, of a review, of a loss.

A deadline and a review are beginnings of a day. What they decide is judged over the windows that
end with the day before, and over what was booked up to that day: as of the second before, with
later facts left out. In the grace after a review its periods stay those of the review, with what
was booked since added to their last day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.booked import booked_before, booked_by
from models.calendar import Calendar, anniversary, period_of
from rules.explanation.view import View
from rules.facts.joining import joined_day

if TYPE_CHECKING:
    from models.customer import CustomerState, Facts, Lost
    from rules.book import Book, Given

_PERIODS = {"monthly": "month", "quarterly": "quarter", "yearly": "year"}


class Judged(NamedTuple):
    """Bit masks of the tiers whose `qualify` is true, and of those that are held.

    `at` and `state` are what was judged; an unknown `keep` counts as held.
    """

    qualified: int
    held: int
    at: int
    state: CustomerState

    def holds(self, tier: int) -> bool:
        """Tell whether a tier is held; the lowest one always is."""
        return bool(self.held >> tier & 1) or tier == 0


class Judge(NamedTuple):
    """One customer before one rulebook."""

    book: Book
    given: Given
    state: CustomerState
    band: int | None

    def at(self, instant: int, facts: Facts | None = None) -> Judged:
        """Judge with the windows of an instant, over other facts than the state's where given."""
        state = self.state if facts is None else self.seen(facts)
        qualified, held, *_ = self.book.ladder(state, instant, self.band, self.given)
        return Judged(qualified, held, instant, state)

    def best_below(self, tier: int, judged: Judged) -> int:
        """Return where a customer falls to: the highest lower tier that is known to be held."""
        for below in range(tier - 1, 0, -1):
            if judged.qualified >> below & 1:
                return below
            if judged.held >> below & 1 and self._is_known(below, judged):
                return below
        return 0

    def _is_known(self, tier: int, judged: Judged) -> bool:
        """Tell whether a tier's `keep` is known to hold or not."""
        keep = self.book.rules.tiers[tier].keep
        view = View(self.book, judged.state, judged.at, self.band, self.given)
        return keep is None or view.holds(keep) is not None

    def as_of(self, instant: int) -> Judged:
        """Judge as of a day's beginning, over what was booked before that day."""
        return self.at(eve(self.book.zone, instant), self.facts_before(instant))

    def at_end(self, ends_at: int, review: int | None) -> Judged:
        """Judge as of a loss or the end of a grace, over what was booked before its day.

        `review`: the one that it came of. It is judged as of that, with what was booked since.
        """
        if review is None:
            return self.as_of(ends_at)
        zone = self.book.zone
        facts = booked_by(self.facts_before(ends_at), zone.day(review) - 1, zone)
        return self.at(eve(zone, review), facts)

    def at_loss(self, lost: Lost, reviewed: int | None, before: Judged | None = None) -> Judged:
        """Judge as of a loss; `reviewed`: the last review, which may have been held since.

        Of a tier that was held by the day before, the windows of the loss itself decide. `before`
        is the same loss as judged before an event: judge by the windows that decided then.
        """
        period, lost_at = _PERIODS.get(self.book.timing.review), lost.lost_at
        if reviewed is not None and reviewed > lost_at and period is not None:
            zone = self.book.zone
            reviewed = zone.start(period_of(period, zone.day(lost_at))[0])
        judged = self.at_end(lost_at, reviewed)
        by_itself = judged.holds(lost.tier) if before is None else before.at == lost_at
        if reviewed is not None or not by_itself:
            return judged
        return self.at(lost_at, self.facts_before(lost_at))

    def facts_before(self, instant: int) -> Facts:
        """Return what was booked before an instant's day."""
        zone = self.book.zone
        return booked_before(self.state.facts, zone.day(instant), zone)

    def seen(self, facts: Facts) -> CustomerState:
        """Return the state as if it had other facts."""
        return msgspec.structs.replace(self.state, facts=facts)


def highest(mask: int) -> int:
    """Return the highest tier whose bit is set; the lowest one is always."""
    return mask.bit_length() - 1


def eve(zone: Calendar, instant: int) -> int:
    """Return the last second of the day before an instant's day."""
    return zone.start(zone.day(instant)) - 1


def days_later(zone: Calendar, instant: int, days: int) -> int:
    """Return where `days` days from an instant end: the beginning of that day."""
    return zone.start(zone.day(instant) + days)


def next_review(book: Book, facts: Facts, tier_since: int, after: int) -> int | None:
    """Return the first review later than `after`; None where tiers are judged continuously."""
    review, zone = book.timing.review, book.zone
    if review == "continuous":
        return None
    day = zone.day(after)
    period = _PERIODS.get(review)
    if period is not None:
        return zone.start(period_of(period, day)[1] + 1)
    began = zone.day(tier_since) if review == "tier" else joined_day(facts, zone)
    if began is None:  # nothing is known of her yet
        return None
    # She may have joined long after: facts can be far ahead of the partition's clock.
    later_than = max(day, began)
    year = Calendar.date(later_than).year
    dates = (anniversary(began, y) for y in (year, year + 1))
    return zone.start(next(date for date in dates if date > later_than))
