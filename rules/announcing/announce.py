"""From a change of conclusions to the outputs that tell it, in their fixed order.

Everything costly (evidence, outlook, reasons) is computed here and so only when something changed.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from models.calendar import rfc3339
from models.decisions import ActionRequested, SegmentChanged
from rules import churn_risk
from rules.acting import Request, asked
from rules.announcing.churn import churn_changed
from rules.announcing.envelope import ACTION, SEGMENT, Envelope, Trigger, enveloped
from rules.announcing.tier import falls_to, lacks, tier_changed, warning
from rules.explanation.view import View
from rules.tiers.tiering import Move, Outcome, visible_warning
from rules.timers import outlook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from models.customer import Asked
    from models.decisions import AnyDecision, TierChanged
    from rules.announcing.tier import Missing
    from rules.book import Action, Book, Dimension, Named, Policy
    from rules.eras import Carried, Era
    from rules.tiers.judging import Judge


class Change(NamedTuple):
    """What was concluded before, and what the rules say at an instant."""

    at: int
    tier: int | None
    tier_since: int | None
    band: int | None
    categories: list[int | str | None]
    stepped: bool  # the churn score has moved by a step
    qualified: int
    outcome: Outcome
    requests: Sequence[Request]
    carried: Carried | None  # what another rulebook called it
    missing: Missing | None  # for the warning that was running, just before the event


def announce(
    app: str,
    customer: str,
    judge: Judge,
    era: Era,
    trigger: Trigger,
    change: Change,
    decisions: list[AnyDecision],
) -> None:
    """Append the outputs for a change: about the tier, churn risk, dimensions, and what to do."""
    envelope = enveloped(app, customer, judge.state, era, trigger)
    before = len(decisions)
    _tier(envelope, judge, change, decisions)
    concluded = judge.state.concluded
    if concluded.band is not None and (change.stepped or concluded.band != change.band):
        stand = churn_risk.standing(judge.state.facts, era.model)
        if stand is not None:
            decisions.append(churn_changed(envelope, change.at, change.band, stand))
    _segments(envelope, judge.book, change, decisions)
    if change.carried is not None:
        policies, requests = change.carried.policies, change.carried.requests
        decisions += stopped(envelope, policies, requests, "rulebook")
    if change.requests:
        _requests(envelope, judge, change, decisions)
    if len(decisions) > before:
        concluded.said_at = envelope.occurred_at


def _tier(envelope: Envelope, judge: Judge, change: Change, decisions: list[AnyDecision]) -> None:
    """Tell a warning that is cleared, the new tier, and a warning that is set or revised."""
    cleared, move, running = change.outcome
    carried, renamed = change.carried, _has_new_name(judge.book, change)
    if cleared is not None and change.tier is not None:
        told = warning(envelope, judge, cleared, "cleared", ([], []), change.tier)
        decisions.append(told if carried is None else replace(told, tier=carried.tier))
    if move is None and renamed and change.tier is not None:
        move = Move(change.tier, "qualified")  # by the rulebook, as every move at its activation
    if move is not None:
        decisions.append(_moved(envelope, judge, change, move))
    if running is None:
        return
    tier, concluded = envelope.state.concluded.tier, envelope.state.concluded
    standing = concluded.standing
    assert standing is not None
    assert tier is not None
    warned = visible_warning(standing) or standing.ending or standing.warned
    assert warned is not None
    lacking = lacks(judge, warned, tier, change.at)
    is_other = renamed or (change.missing is not None and change.missing != lacking)
    if carried is not None and not is_other:
        is_other = falls_to(judge, envelope.occurred_at, tier, warned.ends_at) not in carried.ladder
    if running == "set" or is_other:
        decisions.append(warning(envelope, judge, warned, running, lacking, tier))


def _has_new_name(book: Book, change: Change) -> bool:
    """Tell whether the tier that she came with is called otherwise by a new rulebook."""
    if change.carried is None or change.tier is None:
        return False
    return book.tiers[change.tier].name != change.carried.tier


def _moved(envelope: Envelope, judge: Judge, change: Change, move: Move) -> TierChanged:
    """Return the output that tells a new tier, from the name that subscribers know."""
    ahead = outlook(judge, change.at, envelope.occurred_at)
    told = tier_changed(envelope, judge, change, move, ahead)
    if change.carried is None:
        return told
    direction = "none" if told.rank.from_ == told.rank.to else told.direction
    return replace(told, from_=change.carried.tier, direction=direction)


def _segments(envelope: Envelope, book: Book, change: Change, decisions: list[AnyDecision]) -> None:
    """Tell the categories that are left and entered; under a new rulebook, by their names."""
    before, after = change.categories, envelope.state.concluded.categories
    carried = change.carried
    if carried is None and before == after:
        return
    for dimension, old, new in zip(
        book.dimensions, chain(before, repeat(None)), after, strict=False
    ):
        if carried is None and old == new:
            continue
        left = dimension.names(old) if carried is None else carried.categories.get(dimension.name)
        entered = dimension.names(new)
        if left is None and entered is not None and dimension.name.startswith(_GROUP):
            left = _OUT
        if _differ(left, entered):
            decisions.append(segment_changed(envelope, dimension, left or (), entered or ()))
    if carried is not None:
        decisions += _gone(envelope, carried)


_GROUP = "group."
_OUT = ("out",)  # of a group: so is everybody before the first look, and once it or she is gone


def _differ(left: tuple[str, ...] | None, entered: tuple[str, ...] | None) -> bool:
    """Tell whether other categories hold; a new rulebook may have them in another order."""
    if left is None or entered is None:
        return left is not entered
    return left != entered and {*left} != {*entered}


def _gone(envelope: Envelope, carried: Carried) -> Iterator[SegmentChanged]:
    """Yield the outputs for the dimensions that the new rulebook does not have by their names."""
    for dimension in carried.dimensions:
        yield from left_for_good(envelope, dimension, carried.categories.get(dimension.name))


def left_for_good(
    envelope: Envelope, dimension: Dimension, left: tuple[str, ...] | None
) -> Iterator[SegmentChanged]:
    """Yield the output that tells that categories are left for no others, if any were entered."""
    if left and not (left == _OUT and dimension.name.startswith(_GROUP)):
        yield segment_changed(envelope, dimension, left, ())


def segment_changed(
    envelope: Envelope, dimension: Dimension, left: tuple[str, ...], entered: tuple[str, ...]
) -> SegmentChanged:
    """Return the output that tells which categories are left and entered; none: unknown."""
    single = dimension.kind != "many"
    return SegmentChanged(
        **envelope.fields(SEGMENT),  # type: ignore[arg-type]  # one envelope for all
        dimension=dimension.name,
        kind="single" if single else "many",
        from_=left[0] if single and len(left) == 1 else None,
        to=entered[0] if single and entered else None,
        added=tuple([name for name in entered if name not in left]),
        removed=tuple([name for name in left if name not in entered]),
        current=entered,
        labels=dimension.label_of(entered[0]) if single and entered else {},
        reactivated=dimension.name == "lifecycle"
        and left == ("churned",)
        and entered not in {(), ("prospect",)},
    )


def stopped(
    envelope: Envelope,
    policies: Iterable[Policy],
    requests: Iterable[tuple[Action, Asked]],
    trigger: str,
) -> list[ActionRequested]:
    """Return the outputs that stop policies, and cancel the requests that are still valid."""
    at = envelope.occurred_at
    return [_stop(envelope, policy, trigger, None) for policy in policies] + [
        _stop(envelope, action, trigger, request.id.hex())
        for action, known in requests
        for request in known.open_at(at)
    ]


def _stop(envelope: Envelope, what: Named, trigger: str, cancels: str | None) -> ActionRequested:
    return ActionRequested(
        **envelope.fields(ACTION),  # type: ignore[arg-type]  # one envelope for all
        action=what.name,
        kind="stop" if cancels is None else "cancel",
        policy=cancels is None,
        labels=dict(what.label),
        parameters={},
        trigger=trigger,
        cancels=cancels,
    )


def _requests(
    envelope: Envelope, judge: Judge, change: Change, decisions: list[AnyDecision]
) -> None:
    book, concluded = judge.book, envelope.state.concluded
    for request in change.requests:
        is_policy = request.kind in {"start", "stop"}
        what = book.policies[request.place] if is_policy else book.actions[request.place]
        parameters: dict[str, Any] = {}
        consent, known = None, None
        if not is_policy:
            action = book.actions[request.place]
            consent, known = action.consent, concluded.asked.get(request.place)
            if request.kind == "do" and action.parameters:
                tier = concluded.tier
                view = View(book, judge.state, change.at, judge.band, judge.given, tier)
                parameters = {name: view.value(value) for name, value in action.parameters}
        decision = ActionRequested(
            **envelope.fields(ACTION),  # type: ignore[arg-type]  # one envelope for all
            action=what.name,
            kind=request.kind,
            policy=is_policy,
            labels=dict(what.label),
            parameters=parameters,
            trigger=request.trigger,
            valid_until=_written(request.valid_until),
            cooldown_until=_written(request.cooldown_until),
            cancels=None if request.cancels is None else request.cancels.hex(),
            consent=consent,
        )
        if not is_policy:
            told = bytes.fromhex(decision.id)
            concluded.asked[request.place] = asked(request, envelope.occurred_at, told, known)
        decisions.append(decision)


def _written(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
