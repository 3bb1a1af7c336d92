"""The currency that a customer's amounts are counted in, once it turns out to be another.

It is that of her first sale until a rulebook is in force, and the rulebook's from then on. What
comes in another is counted beside, as `fold` does it, and never converted later.
"""

from __future__ import annotations

from itertools import chain

from models import buckets
from models.customer import Facts
from models.fold_series import count

# What `fold` counts of amounts in the home currency only.
_AT_HOME = (
    *("largest", "margin", "lines", "listed", "paid"),
    *("custom", "own_brand", "premium", "discounted"),
)


def count_in(facts: Facts, currency: str) -> None:
    """Make `currency` the home of a customer's amounts, in place.

    Amounts that came in it and were counted beside are spend from now on; those of the currency
    before are counted beside in their turn.
    """
    before, facts.currency = facts.currency, currency
    if before in {None, currency}:
        return
    for day, net in zip(facts.days, facts.net_minor, strict=True):
        count(facts, f"net:{before}", day, net)
    for day, amount in zip(*facts.series.pop("refund", ([], [])), strict=True):
        count(facts, f"refund:{before}", day, amount)
    for name in _AT_HOME:
        facts.series.pop(name, None)
    facts.net_minor = [0] * len(facts.days)
    facts.pruned_net_minor = 0
    for part in chain(facts.channels.values(), facts.categories.values()):
        nothing = [0] * len(part.days)
        part.net_minor, part.refunded_minor, part.margin_minor = nothing, [*nothing], [*nothing]
    _bring_home(facts, currency)


def _bring_home(facts: Facts, currency: str) -> None:
    for day, net in zip(*facts.series.pop(f"net:{currency}", ([], [])), strict=True):
        index, found = buckets.slot(facts.days, day)
        if found:
            facts.net_minor[index] += net
    for day, amount in zip(*facts.series.pop(f"refund:{currency}", ([], [])), strict=True):
        count(facts, "refund", day, amount)
