"""What must hold of every rulebook and every history, and the pairs that it is tried on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import msgspec
from hypothesis import strategies as st

from models.calendar import DAY_S, rfc3339
from models.customer import CustomerState
from models.decisions import (
    ActionRequested,
    AnyDecision,
    ChurnRiskChanged,
    Outlook,
    SegmentChanged,
    TierChanged,
    TierWarning,
)
from models.events import CustomerEvent
from models.fold import fold
from rules.book import Book, CategoryValue, Given
from rules.eras import compiled
from rules.explanation.view import View
from rules.language.tree import Condition
from rules.reduce import Reduction
from tests.rules.driving import Driver, activation
from tests.rules.histories import NOW, OLDEST_DAYS, TODAY, ZONE, decisions, events
from tests.rules.renaming import successors
from tests.rules.subscriber import Subscriber
from tests.rules.walked import written_equals_walked
from tests.rules.whole_books import EVENTS, GIVENS, remembered, texts

BANDS = st.none() | st.integers(0, 2)
TIERS = st.none() | st.integers(0, 2)
_HORIZON_DAYS = 240
_AFTERWARDS_DAYS = 60
_LATE_S = 360  # before the end of a day
_HOURS = (0, 13)  # of a day, at which somebody looks although nothing is due

_packed = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Pair:
    """A rulebook and a history; `order`: the history's events as they might come instead.

    `next`: a rulebook that comes after it.

    The rest is what an evaluation is told beside them: see `Book.conclude` and `Book.follow`.
    """

    text: str
    next: str
    history: tuple[CustomerEvent, ...]
    order: tuple[CustomerEvent, ...]
    before: CustomerState  # profile and conclusions of an evaluation before
    band: int | None
    given: Given
    tier: int | None
    event: CustomerEvent | None
    decided: tuple[CustomerEvent, ...]  # what people decided about her tier meanwhile

    @property
    def book(self) -> Book:
        """The rulebook, compiled."""
        return compiled(self.text)

    def customer(self) -> CustomerState:
        """Return the customer who lived the history."""
        state = msgspec.msgpack.decode(_packed(self.before), type=CustomerState)
        known, state.facts.profile = state.facts.profile, {}
        folded(state, self.history)
        state.facts.profile |= known
        return state


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Draw a rulebook, and a customer to conclude about."""
    text, history = draw(texts()), draw(events())
    order = draw(st.permutations(history))
    return Pair(
        text,
        draw(successors(text)),
        tuple(history),
        tuple(order),
        draw(remembered()),
        draw(BANDS),
        draw(GIVENS),
        draw(TIERS),
        draw(EVENTS),
        tuple(draw(decisions())),
    )


def folded(
    state: CustomerState, history: Iterable[CustomerEvent], lateness_days: int = 30
) -> CustomerState:
    """Add events to a customer's facts."""
    for event in history:
        fold(state.facts, event, ZONE, TODAY, lateness_days)
    return state


def facts_have_no_order(pair: Pair) -> None:
    """The same events, in whatever order they come within lateness, leave the same facts."""
    one = folded(CustomerState(), pair.history, OLDEST_DAYS + 1)
    other = folded(CustomerState(), pair.order, OLDEST_DAYS + 1)
    assert _packed(one.facts) == _packed(other.facts)


def compiled_equals_explained(pair: Pair) -> None:
    """The generated functions conclude what the interpreter explains."""
    book, state = pair.book, pair.customer()
    assert book.follow is not None
    qualified, held, categories, _ = book.conclude(state, NOW, pair.band, pair.given)
    masks = book.follow(
        state, NOW, pair.band, pair.given, pair.tier, qualified, categories, pair.event
    )
    view = View(book, state, NOW, pair.band, pair.given, pair.tier, pair.event)
    assert categories == [_value(book, view, index) for index in range(len(book.dimensions))]
    rules = book.rules
    qualifies = [t.qualify is None or view.holds(t.qualify) is True for t in rules.tiers]
    keeps = [t.keep is None or view.holds(t.keep) is not False for t in rules.tiers]
    assert qualified == sum(holds << rank for rank, holds in enumerate(qualifies))
    both = zip(qualifies, keeps, strict=True)
    assert held == sum((one or other) << rank for rank, (one, other) in enumerate(both))
    assert masks == (
        _mask(view, [policy.condition for policy in rules.policies]),
        _mask(view, [action.when for action in rules.actions]),
        _mask(view, [action.standing for action in rules.actions]),
        _mask(view, [action.condition for action in rules.actions]),
    )
    written_equals_walked(view)


def _value(book: Book, view: View, index: int) -> CategoryValue:
    """Return a category of the interpreter in the form of the compiled functions."""
    dimension = book.dimensions[index]
    found = view.category(dimension.name)
    return dimension.category((found,) if isinstance(found, str) else found)


def _mask(view: View, conditions: list[Condition]) -> int:
    return sum((view.holds(node) is True) << index for index, node in enumerate(conditions))


def nothing_changes_until_due(pair: Pair) -> None:
    """Evaluated on every day: between two dues nothing differs, policies and actions included."""
    state = pair.customer()
    _evaluate(pair, state, NOW)
    concluded, due = _evaluate(pair, state, NOW)
    assert _evaluate(pair, state, NOW, again=True) == (concluded, due)
    for day in range(TODAY + 1, TODAY + _HORIZON_DAYS):
        at = ZONE.start(day)
        if due is not None and at >= due:
            _evaluate(pair, state, at)
            concluded, due = _evaluate(pair, state, at)
            assert due is None or due > at
            continue
        assert _evaluate(pair, state, at, again=True)[0] == concluded, f"on {ZONE.date(day)}"


def _evaluate(
    pair: Pair, state: CustomerState, at: int, *, again: bool = False
) -> tuple[object, int | None]:
    book, given = pair.book, pair.given
    assert book.follow is not None
    conclude = book.again if again else book.conclude
    qualified, held, categories, due = conclude(state, at, None, given)
    masks = book.follow(state, at, None, given, pair.tier, qualified, categories, None)
    state.concluded.categories = categories
    return (qualified, held, categories, masks), due


def due_is_never_late(pair: Pair) -> None:
    """Looking several times a day finds nothing sooner than looking at the due instants alone."""
    seldom, often = lived(pair), lived(pair)
    for day in range(TODAY + 1, TODAY + _HORIZON_DAYS):
        for hour in _HOURS:
            often.tick(ZONE.start(day) + hour * 3_600)
            look_now(often)
    seldom.pass_to(often.now or NOW)
    assert [said(each) for each in often.said] == [said(each) for each in seldom.said]


def looking_is_not_heard(pair: Pair) -> None:
    """Whoever lives her life under the clock hears the same however often somebody looks."""
    (seldom, _), (often, _) = (lived_through(pair, looks=looks) for looks in (False, True))
    assert [said(each) for each in often.said] == [said(each) for each in seldom.said]


def what_is_foretold_comes(pair: Pair) -> None:
    """Once nothing happens any more, a tier changes when and as the outputs before said."""
    customer, quiet = lived_through(pair, looks=False)
    later = customer.said[quiet:]
    end = rfc3339(customer.now or NOW)
    for index, foretold in enumerate(later):
        rest = [each for each in later[index:] if each.cause != foretold.cause]
        told = list(takewhile(lambda each: not isinstance(each, ChurnRiskChanged), rest))
        match foretold:
            case TierChanged(if_nothing_happens=Outlook(at=at, what=what)):
                comes = next((each for each in told if is_about_tiers(each)), None)
                if comes is None:
                    assert at > end or len(told) < len(rest)
                    continue
                together = [each for each in told if each.cause == comes.cause]
                moves = any(isinstance(each, TierChanged) for each in together)
                assert (comes.occurred_at, moves) == (at, what == "tier.changed")
            case TierWarning(state="set" | "revised", warning_id=warning, falls_to=below):
                for each in told:
                    if isinstance(each, TierChanged) and each.warning_id == warning:
                        assert (each.occurred_at, each.to) == (foretold.ends_at, below)


def is_about_tiers(decision: AnyDecision) -> bool:
    """Tell whether an output is about the tier; that a warning's numbers changed is not."""
    return isinstance(decision, TierChanged) or (
        isinstance(decision, TierWarning) and decision.state != "revised"
    )


def lived_through(pair: Pair, *, looks: bool) -> tuple[Driver, int]:
    """Return a customer whose events and decisions came one by one; `looks`: daily, late.

    And what she had heard before the last of them came.
    """
    heard = 0
    began = TODAY - OLDEST_DAYS - 1
    customer = Driver(pair.text, first_tick=ZONE.start(began))
    coming = sorted((*pair.history, *pair.decided), key=lambda each: each.occurred_at, reverse=True)
    for day in range(began, TODAY + _AFTERWARDS_DAYS):
        while coming and coming[-1].occurred_at < ZONE.start(day + 1) - _LATE_S:
            event = coming.pop()
            customer.pass_to(event.occurred_at)
            heard = len(customer.said)
            customer.take(event)
        if looks:
            customer.tick(ZONE.start(day + 1) - _LATE_S)
            look_now(customer)
    customer.pass_to(ZONE.start(TODAY + _AFTERWARDS_DAYS))
    return customer, heard


def subscribers_know_todays_names(pair: Pair) -> None:
    """Who only reads outputs knows what is concluded, also when a rulebook renames it."""
    customer, subscriber = lived(pair), Subscriber()
    _agree(subscriber, customer, pair.text)
    customer.activate(activation(1, pair.next))
    for days in (0, _AFTERWARDS_DAYS):
        customer.pass_to(NOW + days * DAY_S)
        _agree(subscriber, customer, pair.next)


def _agree(subscriber: Subscriber, customer: Driver, text: str) -> None:
    for each in customer.said:
        subscriber.hear(each)
    customer.said.clear()
    if customer.state is not None:
        subscriber.agrees(customer.state.concluded, compiled(text), customer.now or NOW)


def lived(pair: Pair) -> Driver:
    """Return a customer who lived the history before the clock's first tick."""
    customer = Driver(pair.text)
    for event in pair.history:
        assert isinstance(customer.take(event, NOW + 3 * DAY_S), Reduction)
    customer.tick(NOW)
    customer.catch_up()
    return customer


def look_now(customer: Driver) -> None:
    """Evaluate a customer although nobody asked for it, as if something were due now."""
    customer.catch_up()
    if customer.state is not None and customer.now is not None:
        if customer.known.due is None or customer.known.due > customer.now:
            customer.known.due = customer.now
        customer.catch_up()


def said(decision: AnyDecision) -> tuple[Any, ...]:
    """Return when an output says what."""
    match decision:
        case TierChanged():
            return decision.occurred_at, "tier", decision.to
        case ChurnRiskChanged():
            return decision.occurred_at, "band", decision.to_band
        case SegmentChanged():
            return decision.occurred_at, decision.dimension, decision.current
        case TierWarning():
            return decision.occurred_at, "warning", decision.state
        case ActionRequested():
            return decision.occurred_at, decision.action, decision.kind


LAWS = (
    facts_have_no_order,
    compiled_equals_explained,
    nothing_changes_until_due,
    due_is_never_late,
    looking_is_not_heard,
    what_is_foretold_comes,
    subscribers_know_todays_names,
)
