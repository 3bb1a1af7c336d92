"""A customer's own tier: what the rules and the laws L1 to L6 give, whatever an override shows.

L1  Upgrade at once to the highest tier whose `qualify` holds, skipping where it must.
L2  A tier is held while `keep` or `qualify` holds.
L3  Unknown never moves a tier; the compiled rulebook counts an unknown `qualify` as false and an
    unknown `keep` as true, so both arrive here as bits.
L4  When L2 fails, a warning runs until the minimum stay and the grace are over. Who holds the tier
    again by then is rescued, the others fall at that instant.
L5  All deadlines are beginnings of days, and decide as of themselves, whenever somebody looks.
L6  An event from before the last loss undoes it if she would not have lost the tier with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.customer import Lost, Standing, Warned
from rules.eras import LATENESS_DAYS
from rules.tiers.judging import days_later, highest, next_review

if TYPE_CHECKING:
    from models.customer import Conclusions
    from rules.tiers.judging import Judged
    from rules.tiers.scene import MoveReason, Scene

KEEP_FAILED, REVIEW, OVERRIDE_ENDING = range(3)  # of a warning


class OwnTier:
    """The machine of a customer's own tier: `run` it once, then read where she stands."""

    def __init__(self, scene: Scene, standing: Standing, tier: int, since: int) -> None:
        self.scene = scene
        self.judge = scene.judge
        self.standing = standing
        self.tier, self.since = tier, since
        self.before = tier
        self.reason: MoveReason | None = None
        self.decided: Judged | None = None  # what that reason was found in
        self.supersedes: bytes | None = None
        self.rescued = False  # a warning ended well

    def run(self) -> None:
        """Apply the laws, in their order."""
        self._receive()
        self._restore()
        self._lift_late()
        best = highest(self.scene.judged.qualified)
        continuous = self.judge.book.timing.review == "continuous"
        if best > self.tier and (continuous or self.judge.book.timing.upgrade == "immediate"):
            self._rise(best, self.scene.judged)
        if self.standing.hold_until is not None:
            self.suspend(self.standing.hold_until)
            self._skip_reviews()
        elif continuous:
            self._hold(self.scene.judged)
        else:
            self._review()

    def _receive(self) -> None:
        """Go on from what a merge brought; a warning about a lower tier is over with that."""
        brought, self.standing.brought = self.standing.brought, None
        if brought is not None and brought.tier > self.tier:
            self._clear()
            self.tier, self.since = brought.tier, brought.since
            self.standing.warned = brought.warned
            self.reason = "qualified"

    def _rise(self, tier: int, judged: Judged) -> None:
        self._clear()
        self.tier, self.since = tier, self.scene.said_at
        self.reason, self.decided = "qualified", judged

    def _clear(self) -> None:
        if self.standing.warned is not None:
            self.standing.warned, self.rescued = None, True

    def suspend(self, until: int) -> None:
        """End the warnings for a hold; of a review that had failed the grace begins at its end."""
        warned = self.standing.warned
        self._clear()
        if warned is not None and warned.review is not None and warned.review <= self._reviewed():
            ends_at = self._ends_at(self.tier, self.since, until)
            self.standing.warned = Warned(b"", 0, REVIEW, ends_at, warned.review)

    def _restore(self) -> None:
        """L6: undo the last loss, if the event would have prevented it."""
        scene, lost = self.scene, self.standing.lost
        if lost is None:
            return
        zone = self.judge.book.zone
        if zone.day(lost.lost_at) < zone.day(scene.at) - LATENESS_DAYS:
            self.standing.lost = None
            return
        before = None if scene.foreseen is None else scene.foreseen.at_loss
        if scene.event_at is None or scene.event_at >= lost.lost_at or before is None:
            return
        if self.tier >= lost.tier or before.holds(lost.tier):
            return
        judged = self.judge.at_loss(lost, self.standing.reviewed_at, before)
        if not judged.holds(lost.tier):
            return
        if self._is_lost_again(lost):
            return
        self._clear()
        self.tier, self.since = lost.tier, lost.since
        self.reason, self.decided, self.supersedes = "late_event", judged, lost.output_id
        self.standing.lost = None

    def _is_lost_again(self, lost: Lost) -> bool:
        """Tell whether a tier that is given back would be lost in the same instant."""
        judged, failed_at = self.scene.judged, None
        if self.judge.book.timing.review != "continuous":
            failed_at = self._reviewed()
            if failed_at <= lost.lost_at:
                return False  # it is not judged before the next review
            judged = self.judge.as_of(failed_at)
        held = judged.holds(lost.tier)
        return not held and self._deadline(lost.tier, lost.since, failed_at) is None

    def _hold(self, judged: Judged) -> None:
        """L2 and L4, judged continuously."""
        scene, warned = self.scene, self.standing.warned
        if warned is not None and scene.at >= warned.ends_at:
            ended = self.judge.as_of(warned.ends_at)
            if not self._is_held(ended):
                self._fall("grace_ended", judged, ended)
                return
            self._clear()
            if not judged.holds(self.tier):  # by what is booked on this day, or later
                self._fail(judged)
        elif judged.holds(self.tier):
            if warned is not None and (scene.is_activation or self._is_safe(warned)):
                self._clear()
        elif warned is None:
            self._fail(judged)

    def _fail(self, judged: Judged) -> None:
        """L2 does not hold: run a warning, or fall where there is nothing to wait for."""
        scene = self.scene
        at_once = scene.is_refund and self.judge.book.timing.refund == "immediate"
        if at_once and scene.foreseen is not None and scene.foreseen.now.holds(self.tier):
            self._fall("refund", judged)
            return
        ends_at = self._deadline(self.tier, self.since)
        if ends_at is None:
            self._fall("keep_failed", judged)
        else:
            self.standing.warned = Warned(b"", 0, KEEP_FAILED, ends_at)

    def _ends_at(self, tier: int, since: int, failed_at: int) -> int:
        """Return when both the minimum stay and the grace after a failure are over."""
        rules, zone = self.judge.book.tiers[tier], self.judge.book.zone
        stayed = days_later(zone, since, rules.minimum_stay_days)
        return max(stayed, days_later(zone, failed_at, rules.grace_days))

    def _deadline(self, tier: int, since: int, failed_at: int | None = None) -> int | None:
        """Return when a failure costs the tier; None: at once."""
        said_at = self.scene.said_at
        ends_at = self._ends_at(tier, since, said_at if failed_at is None else failed_at)
        return ends_at if ends_at > said_at else None

    def _is_safe(self, warned: Warned) -> bool:
        """Tell whether the tier is still held at the deadline, or in a grace from now."""
        zone, grace = self.judge.book.zone, self.judge.book.tiers[self.tier].grace_days
        until = min(warned.ends_at, days_later(zone, self.scene.at, grace))
        return until <= self.scene.at or self.judge.as_of(until).holds(self.tier)

    def _fall(self, reason: MoveReason, judged: Judged, decided: Judged | None = None) -> None:
        """Lose the tier; in the next one its own minimum stay and grace begin.

        `judged` says where to, and whether she is held there; `decided`, where it is not the same,
        that she has to leave.
        """
        said_at, left = self.scene.said_at, self.tier
        self.standing.warned, self.reason, self.decided = None, reason, decided or judged
        self.standing.lost = Lost(left, self.since, said_at, b"")
        one_step = self.judge.book.timing.downgrade == "one_step"
        below = left - 1 if one_step else self.judge.best_below(left, judged)
        if self.judge.book.timing.upgrade == "immediate":
            # She would rise to it the next time that somebody looks.
            below = max(below, highest(self.scene.judged.qualified & ((1 << left) - 1)))
        self.tier, self.since = below, said_at
        if not self._is_held(judged):
            ends_at = self._deadline(self.tier, said_at)
            if ends_at is None:
                self._fall(reason, judged, decided)
            elif self.judge.book.timing.review == "continuous":
                self.standing.warned = Warned(b"", 0, KEEP_FAILED, ends_at)
            else:
                self.standing.warned = Warned(b"", 0, REVIEW, ends_at, self._reviewed())

    def _skip_reviews(self) -> None:
        review = self._next_review()
        if review is not None and self.scene.at >= review:
            self.standing.reviewed_at = review + 1  # beyond it: no late event decides it again

    def _next_review(self) -> int | None:
        after = self.standing.reviewed_at
        facts = self.judge.state.facts
        return next_review(
            self.judge.book, facts, self.since, self.since if after is None else after
        )

    def _review(self) -> None:
        """L2 and L4 where tiers are judged on review dates only."""
        self._forget_warning()
        scene, warned, review = self.scene, self.standing.warned, self._next_review()
        if review is not None and scene.at >= review:
            self.standing.reviewed_at = review
            self._decide(review)
        elif warned is not None and scene.at >= warned.ends_at:
            self._end_grace(warned)
        elif warned is not None and warned.review is not None and warned.review <= self._reviewed():
            if self.judge.at_end(warned.ends_at, warned.review).holds(self.tier):
                self._clear()
        else:
            self._decide_late()
        self._look_ahead()

    def _forget_warning(self) -> None:
        """Clear a warning about a review that is none any more, or that a new rulebook ends."""
        warned = self.standing.warned
        if warned is None:
            return
        if warned.review is None:
            is_over = self.scene.is_activation and self.scene.judged.holds(self.tier)
        else:
            is_over = self._reviewed() < warned.review != self._next_review()
        if is_over:
            self._clear()

    def _decide(self, review: int) -> None:
        """Hold a review; one that an event has moved into the past costs no tier."""
        judged, warned, tier = self.judge.as_of(review), self.standing.warned, self.tier
        best = highest(judged.qualified)
        if best > self.tier:
            self._rise(best, judged)
        elif self._is_held(judged):
            self._clear()
        elif self.scene.event_at is None and (warned is None or warned.ends_at <= self.scene.at):
            if warned is not None and warned.review != review:
                self._end_grace(warned)  # of the review before
            if self.tier == tier:
                self._fail_review(review, judged)

    def _fail_review(self, review: int, judged: Judged) -> None:
        ends_at = self._deadline(self.tier, self.since, review)
        if ends_at is None:
            self._fall("review", judged)
        else:
            self.standing.warned = Warned(b"", 0, REVIEW, ends_at, review)

    def _end_grace(self, warned: Warned) -> None:
        judged = self.judge.at_end(warned.ends_at, warned.review)
        if self._is_held(judged):
            self._clear()
        else:
            self._fall("grace_ended", judged)

    def _is_held(self, judged: Judged) -> bool:
        """Tell whether she stays in her tier: held as judged, or qualified with today's windows."""
        return judged.holds(self.tier) or bool(self.scene.judged.qualified >> self.tier & 1)

    def _reviewed(self) -> int:
        """Return the last review."""
        return self.since if self.standing.reviewed_at is None else self.standing.reviewed_at

    def _lift_late(self) -> None:
        """Let an event from before the last review lift her as it would have done then."""
        foreseen = self.scene.foreseen
        before = None if foreseen is None else foreseen.at_review
        if before is None:
            return
        judged = self.judge.as_of(self._reviewed())
        best = highest(judged.qualified)
        if best > max(self.tier, highest(before.qualified)):
            self._rise(best, judged)

    def _decide_late(self) -> None:
        """Let an event from before the last review cost a tier that she had then."""
        foreseen, reviewed = self.scene.foreseen, self._reviewed()
        before = None if foreseen is None else foreseen.at_review
        if before is None or self.since > reviewed:
            return
        judged, is_back = self.judge.as_of(reviewed), self.reason == "late_event"
        if self._is_held(judged) or not (before.holds(self.tier) or is_back):
            return
        ends_at = self._ends_at(self.tier, self.since, reviewed)
        if not self.judge.at_end(ends_at, reviewed).holds(self.tier):
            self._fail_review(reviewed, judged)

    def _look_ahead(self) -> None:
        """In the days before a review that warn of it: set a warning, or clear it."""
        warned, review = self.standing.warned, self._next_review()
        warn_days = self.judge.book.tiers[self.tier].warn_days
        if review is None or not warn_days:
            return
        if warned is not None and warned.review not in {None, review}:
            return  # the grace after the review before is not over
        if self.scene.at < days_later(self.judge.book.zone, review, -warn_days):
            return
        if self.judge.as_of(review).holds(self.tier):
            self._clear()
        elif warned is None:
            ends_at = self._deadline(self.tier, self.since, review)
            if ends_at is not None:
                self.standing.warned = Warned(b"", 0, REVIEW, ends_at, review)


def place(concluded: Conclusions) -> tuple[int, int]:
    """Return the visible tier and since when."""
    assert concluded.tier is not None
    assert concluded.tier_since is not None
    return concluded.tier, concluded.tier_since
