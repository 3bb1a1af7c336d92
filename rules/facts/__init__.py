"""The facts: every fact that a rule may name, its unit, its arguments, and how it is read.

A fact without data is unknown (None), except sums and counts, which are 0. Money is in minor units
of the rulebook's currency: the reducer converts every other as the event comes, and refuses sales
that have no exchange rate, so no rule compares amounts of two currencies. Sums by day that have
filters, or that are neither spend nor orders, reach back as far as day buckets are kept.

`motion` says how a value changes by itself as days pass, which is all that due dates need:

    still   not at all
    falls   a window's count: it falls when a day leaves the window; `source` gives its buckets
    nets    a difference of two windows, which can move both ways; `source` gives both
    exits   computed from windows; it may change whenever a day leaves one; `source` gives them all
    rises   the days since a day; `source` gives that day
    turns   on days of its own; `source` takes today too, and gives the next one

A window that is a calendar period moves when the period ends, whatever the motion.

To add a fact, write its function where its subject is; the check, the compiler and explain find it
in `VOCABULARY`.
"""

from __future__ import annotations

from rules.facts import complaints, engagement, feedback, habits  # noqa: F401  # they enter facts
from rules.facts.arguments import LIST_ATTRIBUTES, NUMBER_ATTRIBUTES, TEXT_ATTRIBUTES
from rules.facts.profile import PERSONAL, attributes, lookup
from rules.facts.sales import trade
from rules.facts.vocabulary import VOCABULARY

__all__ = [
    "LIST_ATTRIBUTES",
    "NUMBER_ATTRIBUTES",
    "PERSONAL",
    "TEXT_ATTRIBUTES",
    "VOCABULARY",
    "attributes",
    "lookup",
    "trade",
]
