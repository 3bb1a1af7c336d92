"""The job of the comparison, in plain Python: a customer's state, an event, a change of tier.

It is the reference by which every run is judged, and the logic that each Python peer runs in its
own framework; so it imports the standard library alone. The Java peers have it as `Job.java`, and
Tierstream has it as `job.yaml`; that all of them mean the same is tested. Amounts are minor units,
`at` is seconds since 1970, a day is one of UTC.
"""

from __future__ import annotations

from typing import Any, TypedDict

DAY_S = 86_400
YEAR_DAYS, QUARTER_DAYS = 365, 90

TIERS = ("standard", "silver", "gold", "platinum")
SILVER, GOLD, PLATINUM = 3, 6, 9  # points

SPEND = (20_000, 50_000, 100_000, 200_000, 400_000)
ORDERS = (1, 2, 3, 4, 5)
RECENT_DAYS = (40, 50, 60, 70, 80)
VISITS = (2, 4, 6, 8, 10)
ANSWER = (2.5, 3.0, 3.5, 4.0, 4.5)
TROUBLE = (1, 2, 3, 4, 5)


class State(TypedDict):
    """What is kept of a customer: numbers by day, in rising order of days, and the tier."""

    sales: list[list[int]]  # day, spend, orders
    answers: list[list[int]]  # day, sum of scores, answers
    complaints: list[list[int]]  # day, complaints
    tier: str | None


class Change(TypedDict):
    """A change of tier, as each peer publishes it: JSON with the customer as its key."""

    customer_id: str
    from_tier: str | None
    to_tier: str
    at: int
    cause: str  # id of the event


def new() -> State:
    """Return the state of a customer of whom nothing is known."""
    return {"sales": [], "answers": [], "complaints": [], "tier": None}


def update(state: State, customer: str, event: dict[str, Any]) -> Change | None:
    """Take an event into a state; return the change of tier where it leads to one."""
    day = event["occurred_at"] // DAY_S
    _take_in(state, event, day)
    points = _points(state, day)
    before = state["tier"]
    after = TIERS[(points >= SILVER) + (points >= GOLD) + (points >= PLATINUM)]
    if after == before:
        return None
    state["tier"] = after
    return {
        "customer_id": customer,
        "from_tier": before,
        "to_tier": after,
        "at": event["occurred_at"],
        "cause": event["event_id"],
    }


def _take_in(state: State, event: dict[str, Any], day: int) -> None:
    kind = event["event"]
    if kind == "purchase":
        _add(state["sales"], day, event["net_amount_minor"], 1)
    elif kind == "feedback":
        _add(state["answers"], day, event["score"], 1)
    elif event["action"] == "opened":
        _add(state["complaints"], day, 1)


def _add(buckets: list[list[int]], day: int, *amounts: int) -> None:
    """Add to a day's numbers; a new day drops those that no window reaches any more."""
    if buckets and buckets[-1][0] == day:
        today = buckets[-1]
        for index, amount in enumerate(amounts, start=1):
            today[index] += amount
        return
    while buckets and buckets[0][0] <= day - YEAR_DAYS:
        del buckets[0]
    buckets.append([day, *amounts])


def _points(state: State, day: int) -> int:
    """Return the sum of twenty rules' points."""
    year, quarter = day - YEAR_DAYS, day - QUARTER_DAYS
    spend = orders = scores = answers = 0
    for sold, amount, count in state["sales"]:
        if sold > year:
            spend += amount
        if sold > quarter:
            orders += count
    for answered, total, count in state["answers"]:
        if answered > year:
            scores += total
            answers += count
    complaints = sum(count for opened, count in state["complaints"] if opened > quarter)
    points = 0
    for index in range(5):
        points += spend >= SPEND[index] and orders >= ORDERS[index]
        points -= complaints >= TROUBLE[index]
    if state["sales"]:
        since = day - state["sales"][-1][0]
        for index in range(5):
            points += since < RECENT_DAYS[index] and orders >= VISITS[index]
    if answers:
        mean = scores / answers
        for bound in ANSWER:
            points += mean >= bound
    return points
