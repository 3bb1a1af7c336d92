"""The rulebooks of simulated histories: a few variants of a small one, and of a whole one.

The small one has tiers and a window, so that something falls due by itself; it is quick to reduce,
and what is simulated is the protocol. The whole one has nearly all that the language knows.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

BOOKS = 16
REFUSED = "rulebook: simulated\nversion: 1\n"  # ingress lets none of these through

_TINY = """
rulebook: simulated
version: {version}
label: {{en: Simulated}}
zone: UTC
currency: EUR
parameters: {{some: {{value: 2, unit: orders, why: "a few are enough here"}}}}
tiers:
  ladder:
    - {{name: basic, label: {{en: Basic}}}}
    - {{name: silver, label: {{en: Silver}}, qualify: orders(days=4) >= some, grace: 1d}}
"""
_BOOK = """
rulebook: simulated
version: {version}
label: {{en: Simulated}}
zone: {zone}
currency: EUR
parameters:
  some_orders: {{value: {some}, unit: orders, why: "a few are enough here"}}
  much_spend: {{value: {much}, unit: EUR, why: "two good orders"}}
  stays_spend: {{value: 60, unit: EUR, why: "less than to enter"}}
dimensions:
  buyer:
    label: {{en: Buyer}}
    first_match:
      - {{name: active, label: {{en: Active}}, when: "orders(days=6) > 0"}}
      - {{name: quiet, label: {{en: Quiet}}, otherwise: true}}
tiers:
  upgrade: immediate
  downgrade: {downgrade}
  review: {review}
  refund: {refund}
  ladder:
    - {{name: basic, label: {{en: Basic}}}}
    - name: silver
      label: {{en: Silver}}
      qualify: orders(days=9) >= some_orders
      grace: 2d
      minimum_stay: {stay}d
    - name: gold
      label: {{en: Gold}}
      qualify: spend(days=14) >= much_spend and complaints(days=5) == 0
      keep: spend(days=14) >= stays_spend
      grace: {grace}d
"""
_MORE = """
churn:
  horizon: 10d
  bands: {{medium: {{enter: 40, keep: 35}}, high: {{enter: 70, keep: 60}}}}
  minimum_stay: 24h
  minimum_history: 2d
  score_step: 12
lifecycle:
  new_for: 3d
  loyal: orders(days=9) >= some_orders
  at_risk: churn.band == 'high'
  churned_after: 8d
groups:
  worried: "tier == 'gold' and open_complaints() > 0"
policies:
  golden_desk: {{label: {{en: Golden desk}}, while: "tier == 'gold'"}}
actions:
  call: {{label: {{en: Call}}, every: 4d, valid_for: 2d, while: "segment.buyer == 'active'"}}
  win_back:
    label: {{en: Win back}}
    when: entered(lifecycle, 'churned')
    cooldown: 5d
    valid_for: 3d
  sorry: {{label: {{en: Sorry}}, when: "happened('complaint')", valid_for: 2d, cooldown: 12h}}
"""


def tiny(version: int) -> str:
    """Return the text of a rulebook that is quick to compile, as ingress does every time."""
    return _TINY.format(version=version)


@lru_cache(maxsize=2 * BOOKS)
def rulebook(version: int, *, whole: bool) -> str:
    """Return the text of a version, 1 to `BOOKS`."""
    random = Random(version)
    text = _BOOK + _MORE if whole else _BOOK
    return text.format(
        version=version,
        zone=random.choice(("UTC", "Asia/Shanghai")),
        some=random.choice((2, 3)),
        much=random.choice((100, 150)),
        downgrade=random.choice(("one_step", "to_qualified")),
        review=random.choice(("continuous", "continuous", "monthly", "anniversary of joining")),
        refund=random.choice(("immediate", "grace")),
        stay=random.choice((1, 5)),
        grace=random.choice((1, 3)),
    )
