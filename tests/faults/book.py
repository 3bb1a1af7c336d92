"""The rulebooks of the runs: the retail one, with everything that takes its time added."""

from __future__ import annotations

import re
from random import Random

from rules import catalog

_KEEP = re.compile(r"^      keep: .*$", re.MULTILINE)
_MORE = """
lifecycle: {new_for: 30d, loyal: "orders(days=365) >= frequent_orders", churned_after: 180d}
groups:
  worried: "tier == 'gold' and open_complaints() > 0"
policies:
  golden_desk: {while: "tier == 'gold'"}
actions:
  visit: {every: 30d, valid_for: 9d, while: "segment.buyer_habit == 'frequent'"}
  win_back: {when: "entered(lifecycle, 'churned')", cooldown: 60d, valid_for: 14d}
  apology: {when: "happened('complaint')", valid_for: 2d, cooldown: 7d}
"""


def rulebook(version: int, chance: Random) -> str:
    """Return the text of a version, with bounds drawn by chance."""
    text = catalog.text("retail").replace("version: 1", f"version: {version}", 1)
    text = _KEEP.sub(r"\g<0>\n      grace: 10d\n      minimum_stay: 5d", text)
    text = text.replace("\nexamples:", f"{_MORE}\nexamples:", 1)
    bound = chance.choice((500, 900, 1_500))
    text = text.replace("silver_year:   {value: 750", f"silver_year: {{value: {bound}", 1)
    return text.replace("silver_stays:  {value: 600", "silver_stays: {value: 400", 1)
