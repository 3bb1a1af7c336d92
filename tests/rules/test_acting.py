"""Actions: what a new rulebook does not ask for, and when they come instead."""

from __future__ import annotations

import pytest

from models.calendar import rfc3339
from models.decisions import ActionRequested
from models.events import CustomerErased, CustomersMerged, HoldSet
from tests.rules.driving import WHO, Driver, activation, at, book

_VISITED = """
actions:
  visit: {every: 90d, while: "segment.buyer in ('active', 'quiet')", valid_for: 5d}
  survey: {every: 90d, while: "segment.buyer in ('active', 'quiet')", on_activation: true}
"""


def visits(customer: Driver, action: str = "visit") -> list[str]:
    """Return the days on which an action was asked for."""
    asked = [d for d in customer.said if isinstance(d, ActionRequested) and d.action == action]
    assert {each.kind for each in asked} <= {"do"}
    return [each.occurred_at[:10] for each in asked]


@pytest.mark.parametrize("looks", [(), (11, 30, 99)])
def test_what_is_repeated_comes_one_turn_after_a_new_rulebook(looks: tuple[int, ...]) -> None:
    customer = Driver(book(), first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(10))
    customer.activate(activation(1, book(2) + _VISITED))
    for day in looks:  # by chance, as an event of hers may come
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))
    customer.pass_to(at(200))
    assert visits(customer) == ["2025-01-12", "2025-04-12"]  # 90 and 180 days after the tenth
    assert visits(customer, "survey") == ["2024-10-14", "2025-01-12", "2025-04-12"]


def test_a_turn_of_before_the_new_rulebook_still_counts() -> None:
    customer = Driver(book() + _VISITED, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(10))
    customer.activate(activation(1, book(2) + _VISITED))
    customer.pass_to(at(100))
    assert visits(customer) == ["2024-10-04", "2025-01-02"]


def test_a_turn_that_falls_on_a_new_rulebook_is_lost_and_the_next_one_comes() -> None:
    customer = Driver(book() + _VISITED, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(50))
    customer.activate(activation(1, book(2) + _VISITED.replace("90d", "30d")))
    customer.pass_to(at(60))
    customer.take(customer.purchase(at(60)))
    customer.pass_to(at(100))
    assert visits(customer) == ["2024-10-04", "2024-12-23"]  # at first, and 30 days after the 50th


def test_who_loses_a_turn_to_a_new_rulebook_still_hears_that_the_one_before_is_off() -> None:
    visit = "{every: 40d, while: orders(days=45) > 0, valid_for: 60d}"
    customer = Driver(book() + f"\nactions: {{visit: {visit}}}", first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(20))
    often = visit.replace("40d", "10d")
    customer.activate(activation(1, book(2) + f"\nactions: {{visit: {often}}}"))
    customer.pass_to(at(46))
    said = [d for d in customer.said if isinstance(d, ActionRequested)]
    asked = [d.id for d in said if d.kind == "do"]
    assert len(asked) == 3  # at first, and on the 30th and the 40th day
    assert [d.cancels for d in said if d.kind == "cancel"] == asked


def test_a_policy_stops_on_the_day_on_which_its_reason_ends() -> None:
    rules = "\npolicies: {care: {while: orders(days=17) > 0}}\n"  # nothing else counts 17 days
    customer = Driver(book() + rules, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(100))
    said = [(d.kind, d.occurred_at) for d in customer.said if isinstance(d, ActionRequested)]
    assert said == [("start", rfc3339(at(0))), ("stop", rfc3339(at(17)))]


def test_in_a_hold_nothing_is_asked_for() -> None:
    customer = Driver(book() + _VISITED, first_tick=at(-1))
    hold = HoldSet(event_id="h", source="x", occurred_at=at(0), until=at(5), reason="r", by="kim")
    customer.take(hold)
    customer.take(customer.purchase(at(1)))
    assert visits(customer) == []
    customer.pass_to(at(6))
    assert visits(customer) == ["2024-10-09"]  # when the hold ends


def test_what_a_merge_would_ask_for_comes_one_turn_later() -> None:
    other = Driver(book(), first_tick=at(-1))
    other.take(other.purchase(at(0)))
    customer = Driver(book() + _VISITED, first_tick=at(-1))
    merged = CustomersMerged(
        event_id="m", source="crm", occurred_at=at(5), absorbed=WHO, survivor="bob", by="kim"
    )
    moved = other.take(merged).moved
    customer.tick(at(5))
    customer.take(moved)
    customer.pass_to(at(100))
    assert visits(customer) == ["2025-01-07"]


_CALLED = """
actions:
  call:
    when: happened('complaint', type='delivery')
    while: orders(days=45) > 0
    valid_for: 30d
"""


def calls(customer: Driver) -> list[tuple[str, str, str | None]]:
    """Return what was said of calls: kind, output id, and which it cancels."""
    return [(d.kind, d.id, d.cancels) for d in customer.said if isinstance(d, ActionRequested)]


def test_each_complaint_has_its_own_request_and_takes_it_back() -> None:
    customer = Driver(book() + _CALLED, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    for day, key in enumerate("abc", start=1):
        customer.take(customer.complaint(at(day), key))
    (_, first, _), (_, second, _), (_, third, _) = calls(customer)
    customer.take(customer.complaint(at(5), "b", action="retracted"))
    assert calls(customer)[3:][0][::2] == ("cancel", second)
    customer.take(customer.complaint(at(6), "b", action="retracted"))
    assert len(calls(customer)) == 4  # once
    customer.take(customer.complaint(at(7), "a", action="retracted"))
    assert calls(customer)[4:][0][::2] == ("cancel", first)
    customer.pass_to(at(32))  # the third one is valid until the 33rd day
    end = CustomerErased(event_id="x", source="crm", occurred_at=at(32), basis="request")
    customer.take(end)
    assert [said[::2] for said in calls(customer)[5:]] == [("cancel", third)]


def test_nothing_is_asked_for_a_complaint_whose_retraction_came_first() -> None:
    customer = Driver(book() + _CALLED, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.tick(at(2))
    customer.take(customer.complaint(at(1), "a", action="retracted"))
    customer.take(customer.complaint(at(1) - 5, "a"))
    customer.take(customer.complaint(at(1) + 5, "a"))  # by a clock that is fast
    assert not calls(customer)
    customer.take(customer.complaint(at(1), "b"))
    assert [kind for kind, _, _ in calls(customer)] == ["do"]


def test_what_is_asked_for_all_complaints_ends_with_its_reason() -> None:
    customer = Driver(book() + _CALLED, first_tick=at(-1))
    customer.take(customer.purchase(at(0), 5_000))
    for day, key in ((1, "a"), (20, "b"), (40, "c")):
        customer.take(customer.complaint(at(day), key))
    asked = [own for _, own, _ in calls(customer)]
    customer.pass_to(at(46))
    said = calls(customer)[3:]
    assert [each[::2] for each in said] == [("cancel", own) for own in asked[1:]]  # a is over


_OFTEN = """
actions:
  visit: {every: 10d, while: orders(days=45) > 0, valid_for: 25d}
  thank: {when: happened('purchase'), while: orders(days=45) > 0, valid_for: 60d, cooldown: 1d}
  write: {every: 20d, while: orders(days=45) > 0}
"""


def test_a_request_says_whether_its_moment_or_its_turn_came() -> None:
    customer = Driver(book() + _OFTEN, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    said = {d.action: d.trigger for d in customer.said if isinstance(d, ActionRequested)}
    assert said == {"visit": "every", "thank": "when", "write": "every"}


def test_every_request_that_is_still_valid_ends_with_its_reason() -> None:
    customer = Driver(book() + _OFTEN, first_tick=at(-1))
    for day in (0, 20, 30):
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))
    customer.pass_to(at(75))  # 45 days after the last purchase
    said = [d for d in customer.said if isinstance(d, ActionRequested)]
    for action, opened in (("visit", 2), ("thank", 2), ("write", 4)):
        asked = [d.id for d in said if d.action == action and d.kind == "do"]
        cancelled = [d.cancels for d in said if d.action == action and d.kind == "cancel"]
        assert cancelled == asked[len(asked) - opened :]
    assert all(d.occurred_at == rfc3339(at(75)) for d in said if d.kind == "cancel")
    assert not any(asked.open_at(at(75)) for asked in customer.known.concluded.asked.values())


def test_of_many_requests_the_newest_are_kept() -> None:
    rules = _OFTEN.replace("20d", "1d").replace("days=45", "days=30")
    customer = Driver(book() + rules, first_tick=at(-1))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(30))
    said = [d for d in customer.said if isinstance(d, ActionRequested) and d.action == "write"]
    asked = [d.id for d in said if d.kind == "do"]
    assert len(asked) == 30
    assert [d.cancels for d in said if d.kind == "cancel"] == asked[-17:]
