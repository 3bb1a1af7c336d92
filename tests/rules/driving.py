"""Driving the reducer by hand: one customer, her clock, and what was said about her."""

from __future__ import annotations

from typing import Any

from models import events
from models.calendar import DAY_S
from models.customer import CustomerState, pack
from models.decisions import AnyDecision, ChurnRiskChanged, TierChanged
from rules.admission import Refusal
from rules.eras import Era, EraRecord, succeed
from rules.reduce import Reducer, Reduction
from rules.timers import look_at

DAY0 = 20_000  # the day on which stories begin
WHO = "anna"

_BOOK = """
rulebook: driven
version: {version}
zone: {zone}
currency: EUR
parameters:
  some_orders: {{value: 2, unit: orders, why: "a second one"}}
  much_spend: {{value: {much}, unit: EUR, why: "two good orders"}}
  stays: {{value: {stays}, unit: EUR, why: "as much as it takes to stay"}}
dimensions:
  buyer:
    first_match:
      - {{name: active, when: "orders(days=6) > 0"}}
      - {{name: quiet, otherwise: true}}
tiers:
  upgrade: immediate
  downgrade: {downgrade}
  ladder:
    - {{name: basic, label: {{en: Basic}}}}
{tiers}
churn:
  horizon: 10d
  bands: {{medium: {{enter: 40, keep: 35}}, high: {{enter: 70, keep: 60}}}}
  minimum_stay: 24h
  minimum_history: 2d
"""
SILVER = """    - name: silver
      label: {en: Silver}
      qualify: orders(days=9) >= some_orders"""
GRACED = f"{SILVER}\n      grace: 3d\n      minimum_stay: 4d"
GOLD = """    - name: gold
      label: {en: Gold}
      qualify: spend(days=14) >= much_spend and complaints(days=5) == 0
      keep: spend(days=14) >= stays"""


def book(
    version: int = 1,
    *,
    zone: str = "UTC",
    tiers: tuple[str, ...] = (SILVER, GOLD),
    downgrade: str = "to_qualified",
    gold: tuple[int, int] = (100, 60),
) -> str:
    """Return the text of a small rulebook; `gold`: the spend in EUR to enter, and to stay."""
    much, stays = gold
    ladder = "\n".join(tiers)
    return _BOOK.format(
        version=version, zone=zone, tiers=ladder, downgrade=downgrade, much=much, stays=stays
    )


def activation(number: int, text: str) -> events.RulebookActivated:
    """Return the control record that activates a rulebook."""
    return events.RulebookActivated(number=number, by="test", name="driven", version=1, text=text)


def at(day: float, hour: float = 0) -> int:
    """Return an instant, counted from the first day of the stories (UTC)."""
    return round((DAY0 + day) * DAY_S + hour * 3_600)


class Driver:
    """One customer's reducer and everything that it said; ticks and eras come as in a log."""

    def __init__(self, text: str | None = None, *, first_tick: int | None = None) -> None:
        self.reducer = Reducer("test")
        self.state: CustomerState | None = None
        self.now: int | None = None
        self.said: list[AnyDecision] = []
        self.record: EraRecord | None = None
        self._ids = 0
        if text is not None:
            self.activate(activation(0, text))
        if first_tick is not None:
            self.tick(first_tick)

    def activate(self, change: events.EraEvent) -> None:
        """Begin an era."""
        self.record = succeed(self.record, change, self.now)
        before = [] if self.now is None else self.reducer.eras
        self.reducer.eras = [*before, Era(self.record)]

    def tick(self, t: int) -> None:
        """Move the clock, as a tick record does; nobody is looked at."""
        if self.now is None:
            self.reducer.first_tick = t
        self.now = t if self.now is None else max(self.now, t)

    def take(self, event: events.CustomerEvent, appended_at: int | None = None) -> Any:  # noqa: ANN401
        """Reduce an event; return what the reducer did, and keep what it said."""
        stamp = max(self.now or 0, event.occurred_at) if appended_at is None else appended_at
        outcome = self.reducer.reduce(WHO, self.state, event, stamp, self.now)
        if isinstance(outcome, Reduction):
            self.state = outcome.state
            self.said += outcome.decisions
        return outcome

    def refused(self, event: events.CustomerEvent, appended_at: int | None = None) -> Refusal:
        """Reduce an event that has to be refused, and to leave the state as it was."""
        before = self.packed
        outcome = self.take(event, appended_at)
        assert isinstance(outcome, Refusal)
        assert self.packed == before
        return outcome

    def look(self) -> None:
        """Look at the customer as the owner of the partition does when she is due."""
        if self.state is not None and self.now is not None:
            self.reducer.fire_due(WHO, self.state, self.now, self.said)

    def catch_up(self) -> None:
        """Bring the customer to the present, spread or not."""
        if self.state is not None and self.now is not None:
            self.reducer.catch_up(WHO, self.state, self.now, self.said)

    def pass_to(self, t: int) -> None:
        """Move the clock, and bring the customer to the present."""
        self.tick(t)
        self.catch_up()

    @property
    def packed(self) -> bytes | None:
        """The packed state."""
        return None if self.state is None else pack(self.state)

    @property
    def known(self) -> CustomerState:
        """The state of a customer who has one."""
        assert self.state is not None
        return self.state

    @property
    def looked_at(self) -> int | None:
        """When the owner of the partition will look at the customer."""
        return look_at(WHO.encode(), self.known.due)

    def purchase(self, when: int, minor: int = 5_000, **more: Any) -> events.Purchase:  # noqa: ANN401
        """Return a purchase of a new id."""
        self._ids += 1
        fields = {"event_id": f"p{self._ids}", "order_id": f"o{self._ids}", "currency": "EUR"}
        return events.Purchase(
            **{**fields, "source": "shop", "occurred_at": when, "net_amount_minor": minor, **more}
        )

    def complaint(self, when: int, key: str = "k", **more: Any) -> events.Complaint:  # noqa: ANN401
        """Return a step of a complaint, of a new event id."""
        self._ids += 1
        fields = {"action": "opened", "type": "delivery", "complaint_id": key}
        return events.Complaint(
            **{**fields, "event_id": f"c{self._ids}", "source": "desk", "occurred_at": when, **more}
        )

    def tiers(self) -> list[tuple[str | None, str | None, str]]:
        """Return the changes of tier that were said: from, to, reason."""
        return [(d.from_, d.to, d.reason) for d in self.said if isinstance(d, TierChanged)]

    def bands(self) -> list[tuple[str | None, str]]:
        """Return the changes of churn band that were said: from, to."""
        return [(d.from_band, d.to_band) for d in self.said if isinstance(d, ChurnRiskChanged)]
