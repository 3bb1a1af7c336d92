"""A new rulebook that calls things otherwise: subscribers hear the new names, and only those."""

from __future__ import annotations

import pytest

from models.calendar import rfc3339
from models.decisions import ActionRequested, SegmentChanged, TierChanged, TierWarning
from models.events import CustomerErased, HoldSet, OverrideSet
from tests.rules.driving import Driver, activation, at

_BOOK = """
rulebook: renamed
version: {version}
zone: UTC
currency: EUR
parameters:
  one_order: {{value: 1, unit: orders, why: x}}
  much_spend: {{value: 300, unit: EUR, why: x}}
{rules}
"""
_TIERS = """
tiers:
  downgrade: to_qualified
  ladder:
    - {name: base}
    - {name: silver, qualify: orders(days=10) >= one_order, grace: 5d}
"""
BOUGHT, SPENT = "orders(days=10) >= one_order", "spend(days=20) >= much_spend"


def book(version: int, rules: str, tiers: str = _TIERS) -> str:
    return _BOOK.format(version=version, rules=tiers + rules)


def told(old: str, new: str, tiers: tuple[str, str] = (_TIERS, _TIERS)) -> Driver:
    """Return a customer who bought under an old rulebook, and what the new one made her hear."""
    customer = Driver(book(1, old, tiers[0]), first_tick=at(0))
    customer.take(customer.purchase(at(1), 40_000))
    customer.pass_to(at(2))
    customer.said.clear()
    customer.activate(activation(1, book(2, new, tiers[1])))
    customer.pass_to(at(3))
    return customer


def requests(customer: Driver) -> list[tuple[str, str]]:
    """Return what should be done or held: kind and name."""
    return [(d.kind, d.action) for d in customer.said if isinstance(d, ActionRequested)]


def segments(customer: Driver) -> list[tuple[str, str, list[str], list[str]]]:
    """Return what was said of dimensions: dimension, kind, what is left, what is entered."""
    return [
        (d.dimension, d.kind, [*d.removed], [*d.added])
        for d in customer.said
        if isinstance(d, SegmentChanged)
    ]


def test_a_policy_under_another_name_stops_and_starts() -> None:
    customer = told(
        f"policies: {{desk: {{while: {BOUGHT}}}}}",
        f"policies: {{service: {{was: [desk], while: {BOUGHT}}}}}",
    )
    assert requests(customer) == [("stop", "desk"), ("start", "service")]
    customer.pass_to(at(12))
    assert requests(customer)[2:] == [("stop", "service")]


def test_two_policies_become_one() -> None:
    """Whatever stands beside it is neither started nor stopped by that."""
    customer = told(
        f"policies: {{desk: {{while: {BOUGHT}}}, team: {{while: {SPENT}}}}}",
        f"policies: {{care: {{was: [desk, team], while: {BOUGHT}}}, more: {{while: {SPENT}}}}}",
    )
    assert requests(customer) == [
        ("stop", "desk"), ("stop", "team"), ("start", "care"), ("start", "more"),
    ]  # fmt: skip
    assert customer.known.concluded.policies == 0b11


def test_two_actions_become_one_and_both_requests_stay_open() -> None:
    old = f"actions: {{call: {{when: {BOUGHT}}}, mail: {{when: {SPENT}}}}}"
    new = f"actions: {{contact: {{was: [call, mail], when: {BOUGHT}}}, gift: {{when: {SPENT}}}}}"
    customer = Driver(book(1, old), first_tick=at(0))
    customer.take(customer.purchase(at(1), 20_000))
    customer.take(customer.purchase(at(2), 20_000))
    asked = [d.id for d in customer.said if isinstance(d, ActionRequested)]
    assert [kind for kind, _ in requests(customer)] == ["do", "do"]
    customer.activate(activation(1, book(2, new)))
    customer.pass_to(at(3))
    assert customer.known.concluded.whens == 0b11
    assert requests(customer)[2:] == []
    customer.take(CustomerErased(event_id="x", source="crm", occurred_at=at(3), basis="request"))
    ended = [d for d in customer.said[2:] if isinstance(d, ActionRequested)]
    assert [d.cancels for d in ended if d.kind == "cancel"] == asked


def test_who_was_asked_for_an_action_that_is_gone_hears_that_it_is_off() -> None:
    """Unless nobody may act on it any more."""
    old = "actions: {call: {when: happened('complaint'), valid_for: 5d}}"
    customer = Driver(book(1, old), first_tick=at(0))
    customer.take(customer.purchase(at(0)))
    for day, key in ((1, "a"), (5, "b")):
        customer.take(customer.complaint(at(day), key))
    first, second = (d for d in customer.said if isinstance(d, ActionRequested))
    customer.pass_to(at(7))
    customer.activate(activation(1, book(2, "")))
    customer.pass_to(at(8))
    last = customer.said[-1]
    assert isinstance(last, ActionRequested)
    assert requests(customer) == [("do", "call"), ("do", "call"), ("cancel", "call")]
    assert (last.cancels, last.trigger, last.labels) == (second.id, "rulebook", first.labels)


OFTEN, BIG = f"{{name: often, when: {BOUGHT}}}", f"{{name: big, when: {SPENT}}}"
HABIT = f"dimensions: {{habit: {{all_matches: [{OFTEN}, {BIG}]}}}}"
KEEN = f"groups: {{keen: {BOUGHT}, calm: {BOUGHT.replace('>=', '<')}}}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(HABIT, HABIT, [], id="nothing"),
        pytest.param(
            HABIT, f"dimensions: {{habit: {{all_matches: [{BIG}, {OFTEN}]}}}}", [], id="order"
        ),
        pytest.param(
            HABIT,
            HABIT.replace("name: often", "name: frequent, was: [often]"),
            [("habit", "many", ["often"], ["frequent"])],
            id="a category",
        ),
        pytest.param(
            HABIT,
            f"dimensions: {{habit: {{all_matches: [{OFTEN.replace(',', ', was: [big],')}]}}}}",
            [("habit", "many", ["big"], [])],
            id="a category that takes another one over",
        ),
        pytest.param(
            HABIT,
            HABIT.replace("all_matches", "was: [habit], all_matches").replace("habit", "style", 1),
            [("style", "many", [], ["often", "big"]), ("habit", "many", ["often", "big"], [])],
            id="a dimension",
        ),
        pytest.param(
            HABIT,
            f"dimensions: {{habit: {{first_match: [{OFTEN}, {{name: big, otherwise: true}}]}}}}",
            [("habit", "single", ["big"], [])],
            id="one category where there were several",
        ),
        pytest.param(HABIT, "", [("habit", "many", ["often", "big"], [])], id="gone"),
        pytest.param(
            KEEN,
            f"groups: {{fan: {{was: [keen], when: {BOUGHT}}}, "
            f"cool: {{was: [calm], when: {BOUGHT.replace('>=', '<')}}}}}",
            [("group.fan", "single", ["out"], ["in"]), ("group.keen", "single", ["in"], [])],
            id="a group, and one that she is not in",
        ),
        pytest.param(KEEN, "", [("group.keen", "single", ["in"], [])], id="groups that are gone"),
    ],
)
def test_subscribers_hear_of_categories_by_their_names(
    old: str, new: str, said: list[tuple[str, str, list[str], list[str]]]
) -> None:
    assert segments(told(old, new)) == said


ARGENT = _TIERS.replace("name: silver", "name: argent, was: [silver]")
LADDER = _TIERS + f"    - {{name: gold, qualify: {SPENT}, keep: {BOUGHT}, grace: 5d}}\n"
OR = LADDER.replace("name: gold", "name: or, was: [gold]")


def tiers(customer: Driver) -> list[TierChanged]:
    return [d for d in customer.said if isinstance(d, TierChanged)]


def test_a_tier_under_another_name_is_told_and_nothing_else_is_new_about_it() -> None:
    customer = told("", "", (_TIERS, ARGENT))
    (named,) = tiers(customer)
    assert (named.from_, named.to, named.direction) == ("silver", "argent", "none")
    assert (named.reason, named.cause.kind) == ("rulebook", "activation")
    assert (named.rank.from_, named.rank.to) == (1, 1)
    assert named.held_since == named.tier_since == rfc3339(at(1))
    assert (named.sequence, named.warning_id) == (2, None)
    customer.pass_to(at(30))
    assert [(d.from_, d.to) for d in tiers(customer)[1:]] == [("argent", "base")]


def test_who_moves_when_her_tier_is_renamed_hears_of_one_change() -> None:
    customer = told("", "", (_TIERS, ARGENT + f"    - {{name: gold, qualify: {SPENT}}}\n"))
    (moved,) = tiers(customer)
    assert (moved.from_, moved.to, moved.direction) == ("silver", "gold", "up")
    assert moved.tier_since == rfc3339(at(2))


@pytest.mark.parametrize(
    ("new", "tier", "said"),
    [(OR, "or", ["revised"]), (OR.replace("=10", "=50"), "gold", ["cleared"]), (LADDER, "", [])],
)
def test_a_running_warning_follows_the_name_of_its_tier(
    new: str, tier: str, said: list[str]
) -> None:
    customer = Driver(book(1, "", LADDER), first_tick=at(0))
    customer.take(customer.purchase(at(1), 40_000))
    customer.pass_to(at(22))
    (warned,) = (d for d in customer.said if isinstance(d, TierWarning))
    customer.said.clear()
    customer.activate(activation(1, book(2, "", new)))
    customer.pass_to(at(23))
    warnings = [d for d in customer.said if isinstance(d, TierWarning)]
    assert [d.state for d in warnings] == said
    assert {(d.warning_id, d.tier) for d in warnings} <= {(warned.warning_id, tier)}
    assert [d.to for d in tiers(customer)] == ["or"] * len(said)


@pytest.mark.parametrize(
    ("was", "said"), [("base", [("revised", "gold", "new")]), ("silver", [])], ids=["hers", "other"]
)
def test_a_running_warning_follows_the_name_of_where_she_falls_to(
    was: str, said: list[tuple[str, str, str]]
) -> None:
    customer = Driver(book(1, "", LADDER), first_tick=at(0))
    customer.take(customer.purchase(at(1), 40_000))
    customer.pass_to(at(22))
    customer.said.clear()
    renamed = LADDER.replace(f"name: {was}", f"name: new, was: [{was}]")
    customer.activate(activation(1, book(2, "", renamed)))
    customer.pass_to(at(23))
    warnings = [d for d in customer.said if isinstance(d, TierWarning)]
    assert [(d.state, d.tier, d.falls_to) for d in warnings] == said


def test_what_a_hold_keeps_of_an_override_is_certain_until_the_hold_ends() -> None:
    customer = Driver(book(1, ""), first_tick=at(0))
    override = OverrideSet(
        event_id="o", source="desk", occurred_at=at(1), override_id="o", tier="silver",
        mode="at_least", reason="r", by="b", until=at(5),
    )  # fmt: skip
    hold = HoldSet(event_id="h", source="desk", occurred_at=at(1), reason="r", by="b", until=at(9))
    for each in (override, hold):
        customer.take(each)
    customer.pass_to(at(7))
    customer.activate(activation(1, book(2, "", ARGENT)))
    customer.pass_to(at(30))
    assert [(d.to, d.valid_until) for d in tiers(customer)] == [
        ("silver", rfc3339(at(5))),
        ("argent", rfc3339(at(9))),
        ("base", None),
    ]
