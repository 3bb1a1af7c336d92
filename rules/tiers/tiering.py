"""The tier that is shown: the customer's own one, or what an override makes of it.

Her own tier goes on beneath an override as its shadow (`own_tier`), so there is one machine for it,
and `settle` compares what was visible before and after it ran. Warnings are treated alike: one
that an override hides runs on unpublished, and is `set` once it can be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from models.customer import Standing, Warned
from rules.tiers.judging import Judge, Judged, days_later, eve, highest, next_review
from rules.tiers.own_tier import OVERRIDE_ENDING, OwnTier, place
from rules.tiers.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.customer import Conclusions, Override
    from rules.book import Book
    from rules.tiers.scene import MoveReason

TimerKind = Literal[
    "tier.grace_end",
    "tier.review",
    "tier.review_ahead",
    "override.ending",
    "override.end",
    "hold.end",
    "window.exit",
]


class Move(NamedTuple):
    """A customer's new visible tier (its index on the ladder), and why."""

    to: int
    reason: MoveReason
    warned: Warned | None = None  # the published warning that came true
    supersedes: bytes | None = None  # the output that this one undoes
    decided: Judged | None = None  # what the reason was found in; None: nothing but the present


class Outcome(NamedTuple):
    """What is to be told, in this order. `warned` is about the warning that now runs."""

    cleared: Warned | None = None
    move: Move | None = None
    warned: Literal["set", "revised"] | None = None


NOTHING = Outcome()


class Settled(NamedTuple):
    """The visible tier, since when, and what is to be told."""

    tier: int
    since: int
    outcome: Outcome


def visible_warning(standing: Standing | None) -> Warned | None:
    """Return the warning that subscribers know of."""
    if standing is None:
        return None
    for warned in (standing.ending, standing.warned):
        if warned is not None and warned.id:
            return warned
    return None


def is_quiet(concluded: Conclusions, qualified: int, held: int) -> bool:
    """Tell whether the laws have nothing to say, as for most customers most of the time."""
    tier = concluded.tier
    return (
        tier is not None
        and concluded.standing is None
        and qualified.bit_length() - 1 <= tier
        and bool(held >> tier & 1)
    )


def settle(scene: Scene) -> Settled:
    """Apply the laws to a customer's standing, in place; the caller notes the tier."""
    concluded = scene.judge.state.concluded
    if concluded.tier is None:
        return _joined(scene)
    standing = concluded.standing
    if standing is None:
        standing = concluded.standing = Standing()
    return _settled(scene, standing, *place(concluded))


_EMPTY = Standing()


def _joined(scene: Scene) -> Settled:
    """First sight of a customer: where the rules put her, or the tier that a merge brought.

    The laws go on from it: an override may be in force, and a review near.
    """
    concluded = scene.judge.state.concluded
    standing = concluded.standing or Standing()
    tier, since = highest(scene.judged.qualified), scene.said_at
    if standing.brought is not None:
        tier, since, standing.warned = msgspec.structs.astuple(standing.brought)
    concluded.standing = standing
    if scene.judge.book.timing.review != "continuous":
        standing.reviewed_at = scene.said_at
    tier, since, told = _settled(scene, standing, tier, since)
    undone = None if told.move is None else told.move.supersedes
    move = Move(tier, "joined", supersedes=undone)
    return Settled(tier, since, Outcome(told.cleared, move, told.warned))


def _settled(scene: Scene, standing: Standing, tier: int, since: int) -> Settled:
    """Go on from a visible tier that is hers since an instant."""
    known = visible_warning(standing)
    over: MoveReason | None = None
    if _past(standing.hold_until, scene.at):
        standing.hold_until, over = None, "hold_ended"
    own = OwnTier(scene, standing, *(standing.shadow or (tier, since)))
    if over is not None:
        own.suspend(scene.said_at)  # which may be earlier than the hold was to end
    own.run()
    standing.shadow = None
    # In a hold nobody is demoted, so an override that keeps her up lasts as long.
    may_end = standing.hold_until is None or own.tier >= tier
    if may_end and standing.override is not None and _past(standing.override.until, scene.at):
        standing.override, over = None, over or "override_ended"
    shown = _shown(own.tier, standing.override)
    reason: MoveReason | None = None
    decided = None
    if shown != tier:
        reason = own.reason if _is_own_move(own, tier, shown) else over
        if reason is None:  # an override appeared, or went with a rulebook that does not know it
            reason = "override_set" if standing.override is not None else "qualified"
        is_own = reason == own.reason
        decided = own.decided if is_own else None
        since = own.since if is_own and shown == own.tier else scene.said_at
        if over is not None and own.reason in {"keep_failed", "grace_ended"}:
            reason = over
    if own.tier != shown or own.since != since:
        standing.shadow = (own.tier, own.since)
    warned = _warn(scene, standing, own, shown)
    came_true = cleared = None
    if known is not None and known is not visible_warning(standing):  # it is over
        was_rescued = own.rescued and known.reason != OVERRIDE_ENDING
        if shown < tier and not was_rescued:
            came_true = known
        else:
            cleared = known
    move = None
    if reason is not None:
        move = Move(shown, reason, came_true, own.supersedes, decided)
    if standing == _EMPTY:
        scene.judge.state.concluded.standing = None
    return Settled(shown, since, _told(cleared, move, warned))


def _is_own_move(own: OwnTier, tier: int, shown: int) -> bool:
    """Tell whether a new visible tier is her own one's doing; an override may end her fall."""
    if shown < tier:
        return own.tier < own.before and own.tier <= shown
    return own.tier > own.before and own.tier == shown


def _told(
    cleared: Warned | None, move: Move | None, warned: Literal["set", "revised"] | None
) -> Outcome:
    return Outcome(cleared, move, warned) if cleared or move or warned else NOTHING


def _warn(
    scene: Scene, standing: Standing, own: OwnTier, shown: int
) -> Literal["set", "revised"] | None:
    """Make the right warning visible; return what is to be told of it."""
    if standing.hold_until is not None:
        standing.ending = None
        return None
    override = standing.override
    hidden = _hides(override, own.tier)
    ends_at = _ending(scene.judge, override, own.tier, shown, scene.at)
    if ends_at is None:
        standing.ending = None
    elif standing.ending is None or standing.ending.ends_at != ends_at:
        standing.ending = Warned(b"", 0, OVERRIDE_ENDING, ends_at)
    if hidden and standing.warned is not None:
        standing.warned = msgspec.structs.replace(standing.warned, id=b"", revision=0)
    running = standing.ending if hidden else standing.warned
    if running is None:
        return None
    return "revised" if running.id else "set"


def _hides(override: Override | None, own: int) -> bool:
    """Tell whether an override hides what happens to her own tier."""
    return override is not None and (override.exactly or override.tier >= own)


def forward(judge: Judge, at: int, said_at: int) -> Iterator[tuple[int, int, Outcome]]:
    """Play the laws forward on a copy, as if nothing happened and the churn band stayed.

    Yields each instant at which they may say something, the visible tier then, and what is told.
    """
    book, ahead = judge.book, _imagined(judge)
    state, concluded = ahead.state, ahead.state.concluded
    due = book.ladder(state, at, judge.band, judge.given)[3]
    while instants := [*wakes(ahead, at), *([] if due is None else [due])]:
        at = max(min(instants), at + 1)
        said_at = max(said_at, at)
        qualified, held, _, due = book.ladder(state, at, judge.band, judge.given)
        told = NOTHING
        if not is_quiet(concluded, qualified, held):
            scene = Scene(ahead, Judged(qualified, held, at, state), at, said_at)
            concluded.tier, concluded.tier_since, told = settle(scene)
        yield said_at, place(concluded)[0], told


def _imagined(judge: Judge) -> Judge:
    """Return a judge of a copy of the customer, who knows of the warning that runs."""
    state, concluded = judge.state, judge.state.concluded
    standing = concluded.standing
    if standing is not None:
        standing = msgspec.structs.replace(standing)
        own, _ = standing.shadow or place(concluded)
        if _hides(standing.override, own):
            standing.ending = _known(standing.ending)
        else:
            standing.warned = _known(standing.warned)
    concluded = msgspec.structs.replace(concluded, standing=standing)
    state = msgspec.structs.replace(state, concluded=concluded)
    return Judge(judge.book, judge.given, state, judge.band)


def _known(warned: Warned | None) -> Warned | None:
    return warned and msgspec.structs.replace(warned, id=b"known")


def _ending(judge: Judge, override: Override | None, own: int, shown: int, at: int) -> int | None:
    """Return when an override ends, once it is time to warn of what is beneath it."""
    if override is None or override.until is None or own >= shown:
        return None
    return override.until if at >= _warn_from(judge.book, override) else None


def _warn_from(book: Book, override: Override) -> int:
    assert override.until is not None
    return days_later(book.zone, override.until, -book.tiers[override.tier].grace_days)


def _shown(own: int, override: Override | None) -> int:
    if override is None:
        return own
    return override.tier if override.exactly else max(own, override.tier)


def _past(until: int | None, at: int) -> bool:
    return until is not None and at >= until


def wakes(judge: Judge, at: int) -> dict[int, TimerKind]:
    """Return the instants later than `at` at which the laws themselves decide something."""
    book, concluded = judge.book, judge.state.concluded
    standing = concluded.standing
    found: dict[int, TimerKind] = {}
    if standing is None or concluded.tier is None or concluded.tier_since is None:
        return found
    own, since = standing.shadow or place(concluded)
    if standing.warned is not None:
        safe_from = _safe_from(judge, standing.warned, own, at)
        if safe_from is not None:
            found[safe_from] = "window.exit"
    after = since if standing.reviewed_at is None else standing.reviewed_at
    review = next_review(book, judge.state.facts, since, after)
    if review is not None:
        found[review] = "tier.review"
        if book.tiers[own].warn_days:
            found[days_later(book.zone, review, -book.tiers[own].warn_days)] = "tier.review_ahead"
    override = standing.override
    if override is not None and override.until is not None:
        if own < concluded.tier:
            found[_warn_from(book, override)] = "override.ending"
        found[override.until] = "override.end"
    if standing.warned is not None:
        found[standing.warned.ends_at] = "tier.grace_end"
    if standing.hold_until is not None:
        found[standing.hold_until] = "hold.end"
    return {instant: kind for instant, kind in found.items() if instant > at}


def _safe_from(judge: Judge, warned: Warned, own: int, at: int) -> int | None:
    """Return when a warned tier that is held again may be found safe because days pass.

    The grace from then on is judged over days that are not judged yet: a window may have moved by
    then, and what is booked ahead of the clock counts. None: nothing of that can be before the end.
    """
    book = judge.book
    zone, grace_days = book.zone, book.tiers[own].grace_days
    until = days_later(zone, at, grace_days)
    is_judged_daily = book.timing.review == "continuous" and until < warned.ends_at
    if not is_judged_daily or not judge.at(at).holds(own):
        return None
    facts, changes = judge.facts_before(until), until
    if facts is judge.state.facts:
        due = book.ladder(judge.seen(facts), eve(zone, until), judge.band, judge.given)[3]
        changes = warned.ends_at if due is None else due
    return days_later(zone, min(days_later(zone, changes, 1), warned.ends_at), -grace_days)
