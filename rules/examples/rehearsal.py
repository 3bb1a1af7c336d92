"""Rehearsal: a rulebook's examples, played through the production reducer.

A story is told to one customer at a time; what is expected of a step is compared with what came
out of it. What was reached on the way (tiers, categories, bands, policies, actions) is kept, so
that it can be said which of them no example shows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from models.calendar import day_number
from models.decisions import (
    ActionRequested,
    AnyDecision,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierWarning,
)
from models.money import MINOR_DIGITS
from rules.admission import Refusal
from rules.eras import Era, EraRecord, compiled
from rules.examples.sending import CUSTOMER, cuts_of
from rules.examples.timeline import Moment, timeline
from rules.explanation.evidence import evidence
from rules.explanation.view import View
from rules.reduce import Reducer
from rules.tiers.tiering import visible_warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.customer import CustomerState
    from rules.book import Book
    from rules.examples.stories import Change, Expect, ExpectWarning, Story


class Failure(NamedTuple):
    """What did not come true, as a sentence; `step` is the place of its line in the story."""

    step: int
    what: str


class Rehearsal:
    """Plays one story; afterwards `failures` has what did not come true."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.book = compiled(text)
        self.failures: list[Failure] = []
        self.reached: set[str] = set()
        self.said: list[AnyDecision] = []
        self._reducer = Reducer("example")
        self._state: CustomerState | None = None

    def play(self, story: Story) -> None:
        """Play a story from its beginning."""
        cuts = cuts_of(story, self.book.currency)
        record = EraRecord(0, None, "rulebook.activated", "example", book=self._text, cuts=cuts)
        self._reducer.eras = [Era(record)]
        moments = timeline(story, self.book.zone, self.book.currency)
        self._reducer.first_tick = moments[0].at
        for moment in moments:
            because, found = self._pass_to(moment)
            if moment.expect is not None:
                found = [*found, *self._differences(moment.expect, because, moment.at)]
            where = f"{story.name}, on {self._date(moment.at)}"
            self.failures += [Failure(moment.step, f"{where}: {each}") for each in found]

    def _pass_to(self, moment: Moment) -> tuple[list[AnyDecision], list[str]]:
        """Return what came out because of the event, or because of time where there is none.

        Also what went wrong: the event may be refused.
        """
        because: list[AnyDecision] = []
        if self._state is not None:
            self._reducer.catch_up(CUSTOMER, self._state, moment.at, because)
            self._note(because)
        if moment.event is None:
            return because, []
        done = self._reducer.reduce(CUSTOMER, self._state, moment.event, moment.at, moment.at)
        if done is None or isinstance(done, Refusal):
            why = "it is a repeat" if done is None else done.message
            return [], [f"the event is refused: {why}"]
        self._state = done.state
        self._note(done.decisions)
        return done.decisions, []

    def _note(self, decisions: list[AnyDecision]) -> None:
        self.said += decisions
        for decision in decisions:
            match decision:
                case TierChanged():
                    self.reached.add(f"tier={decision.to}")
                case ChurnRiskChanged():
                    self.reached.add(f"band={decision.to_band}")
                case SegmentChanged():
                    names = {*decision.current, decision.from_ or "", *decision.removed}
                    self.reached |= {f"{decision.dimension}={name}" for name in names}
                case ActionRequested():
                    kind = "policy" if decision.policy else "action"
                    self.reached.add(f"{kind}={decision.action}")
                case TierWarning():
                    pass

    def _differences(self, expect: Expect, because: list[AnyDecision], at: int) -> Iterator[str]:
        for what, found, wanted in self._compared(expect, because):
            if found != wanted:
                why = self._unknown(what, at) if what in expect.segment and found is None else ""
                yield f"{what} is {_said(found)}, not {_said(wanted)}{why}"
        if "changes" not in expect.model_fields_set:
            return
        changes = dict(map(_change, because))
        if expect.changes is None or expect.changes == "none":
            if changes:
                yield f"something changed: {', '.join(sorted(changes))}"
            return
        for name, change in expect.changes.items():
            if changes.get(name) != tuple(change):
                yield f"{name} changed {_said(changes.get(name))}, not {_said(tuple(change))}"

    def _compared(
        self, expect: Expect, because: list[AnyDecision]
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield what is expected: its name, what was found, and what was wanted."""
        said = expect.model_fields_set
        if "tier" in said:
            yield "tier", self._tier(), expect.tier
        if "band" in said:
            yield "band", self._band(), expect.band
        segments = self._segments()
        for dimension, category in expect.segment.items():
            wanted = category if category is None or isinstance(category, tuple) else (category,)
            yield dimension, segments.get(dimension), wanted
        if "reason" in said:
            reasons = [d.reason for d in because if isinstance(d, TierChanged)]
            yield "reason", ", ".join(reasons) or None, expect.reason
        if "warning" in said:
            yield from self._warning(expect.warning or "none")
        if "policies" in said:
            held = 0 if self._state is None else self._state.concluded.policies
            names = {p.name for i, p in enumerate(self.book.policies) if held >> i & 1}
            yield "policies", names, set(expect.policies or ())
        requests = [d for d in because if isinstance(d, ActionRequested)]
        if "actions" in said:
            asked = sorted(d.action for d in requests if d.kind == "do")
            yield "actions", asked, sorted(expect.actions or ())
        if "cancelled" in said:
            cancelled = sorted(d.action for d in requests if d.kind == "cancel")
            yield "cancelled", cancelled, sorted(expect.cancelled or ())

    def _unknown(self, dimension: str, at: int) -> str:
        """Name what is unknown of that on which a dimension without a category turns."""
        if self._state is None:
            return ""
        concluded, given = self._state.concluded, self._reducer.eras[-1].given
        view = View(self.book, self._state, at, concluded.band, given, concluded.tier)
        names = [
            each.get("fact") or each["expression"]
            for each in evidence(view, f"dimensions.{dimension}")
            if each.get("value", each.get("value_minor")) is None
        ]
        return f" (unknown: {', '.join(dict.fromkeys(names))})" if names else ""

    def _warning(self, wanted: ExpectWarning | str) -> Iterator[tuple[str, Any, Any]]:
        standing = None if self._state is None else self._state.concluded.standing
        warned = visible_warning(standing)
        if warned is None or isinstance(wanted, str):
            found = "none" if warned is None else "running"
            yield "warning", found, wanted if isinstance(wanted, str) else "running"
            return
        last = [d for d in self.said if isinstance(d, TierWarning)][-1]
        if wanted.ends is not None:
            ends = self.book.zone.start(day_number(wanted.ends))
            yield "warning ends", self._date(warned.ends_at), self._date(ends)
        if wanted.reason is not None:
            yield "warning's reason", last.reason, wanted.reason
        if wanted.revision is not None:
            yield "warning's revision", last.warning_revision, wanted.revision
        for what, lacks in (("missing", last.missing), ("missing_now", last.missing_now)):
            if what in wanted.model_fields_set:
                yield what, dict(map(self._lack, lacks)), getattr(wanted, what) or {}

    def _lack(self, lack: Mapping[str, Any]) -> tuple[str, Decimal]:
        name = str(lack.get("fact", lack.get("expression")))
        minor = "_minor" if "need_minor" in lack else ""
        have, need = lack[f"have{minor}"], lack[f"need{minor}"]
        if not isinstance(have, int | float) or not isinstance(need, int | float):
            return name, Decimal(0)
        digits = MINOR_DIGITS[self.book.currency] if minor else 0
        return name, abs(Decimal(str(need)) - Decimal(str(have))).scaleb(-digits)

    def _tier(self) -> str | None:
        tier = None if self._state is None else self._state.concluded.tier
        return None if tier is None else self.book.tiers[tier].name

    def _band(self) -> str | None:
        band = None if self._state is None else self._state.concluded.band
        return None if band is None or self.book.churn is None else self.book.churn.names[band]

    def _segments(self) -> dict[str, tuple[str, ...] | None]:
        known = [] if self._state is None else self._state.concluded.categories
        return {d.name: d.names(c) for d, c in zip(self.book.dimensions, known, strict=False)}

    def _date(self, at: int) -> str:
        return self.book.zone.date(self.book.zone.day(at)).isoformat()


def _change(decision: AnyDecision) -> tuple[str, Change]:
    """Return what changed, and how; no dimension is called as what is not one."""
    match decision:
        case TierChanged():
            return "tier", (decision.from_, decision.to)
        case ChurnRiskChanged():
            return "band", (decision.from_band, decision.to_band)
        case SegmentChanged():
            return decision.dimension, (decision.from_, decision.to)
        case TierWarning():
            return "the warning", (None, decision.state)
        case ActionRequested():
            kind = "policy" if decision.policy else "action"
            return f"{kind} {decision.action}", (None, decision.kind)


def _said(value: object) -> str:
    if isinstance(value, set | tuple | list):
        return "(" + ", ".join(sorted(map(str, value))) + ")"
    return "nothing" if value is None else str(value)


def unreached(book: Book, reached: set[str]) -> set[str]:
    """Return the tiers, categories, bands, policies and actions that no example has reached."""
    wanted = {f"{d.name}={category.name}" for d in book.dimensions for category in d.categories}
    wanted |= {f"tier={tier.name}" for tier in book.tiers}
    wanted |= {f"policy={policy.name}" for policy in book.policies}
    wanted |= {f"action={action.name}" for action in book.actions}
    if book.churn is not None:
        wanted |= {f"band={band}" for band in book.churn.names}
    return wanted - reached
