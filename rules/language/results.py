"""What a rulebook concludes and its rules may name: tier, categories, bands, groups.

A result is compared with texts, and which texts there are is known before any customer is: a rule
that asks for a category that does not exist is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rules.language.expression import BadExpression
from rules.language.hints import nearest
from rules.language.tree import Fact, dimension_of

Kind = Literal["single", "many", "open"]

RESULTS: Mapping[str, str] = {
    "tier": "Her tier; not in what tiers are found by.",
    "tier.matched": "All tiers whose `qualify` holds: has(tier.matched, 'gold').",
    "churn.band": "Her churn band: low, medium or high; unknown with too little history.",
    "lifecycle": "Her stage of `lifecycle:`, from prospect to churned.",
    "rfm.segment": "Her RFM segment, with `rfm: true`; unknown without cuts in force.",
    "segment.<dimension>": "Her category of a dimension; of many: has(segment.d, 'a_name').",
    "group.<name>": "Whether she is in a group; it stands alone: group.g, or not group.g.",
}
"""What rules call the results of a rulebook, and what each is."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result that rules may name. `values` are all that it can be, () if it can be any text."""

    kind: Kind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one rulebook."""

    dimensions: Mapping[str, Result]  # derived ones (lifecycle, rfm, group.<name>) included
    tiers: tuple[str, ...]
    bands: tuple[str, ...]  # () without churn rules

    def find(self, fact: Fact) -> Result | None:
        """Return the result that a fact names; None: it names something else.

        Raises:
            BadExpression: it names a result that this rulebook does not have.
        """
        found = self._named(fact.name)
        dimension = dimension_of(fact)
        if dimension is not None:
            found = self.dimensions.get(dimension) or self._unknown(fact.name, dimension)
        if found is not None and fact.args:
            raise BadExpression(f"{fact.name} takes no arguments", f"write {fact.name}")
        return found

    def _named(self, name: str) -> Result | None:
        if name == "tier":
            return Result("single", self.tiers)
        if name == "tier.matched":
            return Result("many", self.tiers)
        if name != "churn.band":
            return None
        if not self.bands:
            raise BadExpression("the rulebook has no churn bands", "add a `churn:` section")
        return Result("single", self.bands)

    def _unknown(self, name: str, dimension: str) -> Result:
        if name == "lifecycle":
            raise BadExpression("the rulebook has no lifecycle", "add a `lifecycle:` section")
        if name == "rfm.segment":
            raise BadExpression("the rulebook has no RFM segments", "add `rfm: true`")
        if name.startswith("group."):
            groups = [n.removeprefix("group.") for n in self.dimensions if n.startswith("group.")]
            group = dimension.removeprefix("group.")
            raise BadExpression(f"there is no group `{group}`", nearest(group, groups))
        raise BadExpression(
            f"there is no dimension `{dimension}`", nearest(dimension, self.dimensions)
        )
