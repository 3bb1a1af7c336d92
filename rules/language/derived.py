"""Lifecycle, RFM and groups: sections of a rulebook that are dimensions in the end.

They stand behind the rulebook's own dimensions, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rules.book import Category, Dimension
from rules.facts import rfm
from rules.language.checked import DimensionRules
from rules.language.conclusions import DimensionEntry, LifecycleEntry
from rules.language.entries import Rulebook
from rules.language.results import Result, Results
from rules.language.tree import Compare, Condition, Constant, Fact

BANDS = ("low", "medium", "high")
OUT, IN = "out", "in"
_MEMBERSHIP_LABELS = {OUT: {"en": "Out", "zh": "不在"}, IN: {"en": "In", "zh": "在"}}
_LIFECYCLE_LABELS = {
    "prospect": {"en": "Prospect", "zh": "潜在客户"},
    "churned": {"en": "Churned", "zh": "流失客户"},
    "at_risk": {"en": "At risk", "zh": "流失风险"},
    "new": {"en": "New", "zh": "新客户"},
    "loyal": {"en": "Loyal", "zh": "忠诚客户"},
    "existing": {"en": "Existing", "zh": "老客户"},
}


def stages(entry: LifecycleEntry) -> tuple[str, ...]:
    """Return the stages of a lifecycle, first that holds; those without a rule are left out."""
    absent = {"loyal": entry.loyal is None, "at_risk": entry.at_risk is None}
    return tuple(stage for stage in _LIFECYCLE_LABELS if not absent.get(stage))


def lifecycle_rules(
    entry: LifecycleEntry, at_risk: Condition | None, loyal: Condition | None
) -> DimensionRules:
    """Return the lifecycle as a dimension; a stage of which nothing is known does not hold."""
    cases: dict[str, Condition | None] = {
        "prospect": Compare(Fact("orders"), "==", Constant(0)),
        "churned": Compare(Fact("days_since_purchase"), ">=", _days(entry.churned_after)),
        "at_risk": at_risk,
        "new": Compare(Fact("days_since_first_purchase"), "<", _days(entry.new_for)),
        "loyal": loyal,
        "existing": None,
    }
    names = stages(entry)
    return DimensionRules(
        name="lifecycle",
        categories=names,
        cases=tuple(cases[name] for name in names),
        lenient=True,
    )


def rfm_rules() -> DimensionRules:
    """Return the RFM segments as a dimension."""
    scores = Fact("rfm.r"), Fact("rfm.f"), Fact("rfm.m")
    return DimensionRules(name="rfm", categories=rfm.SEGMENTS, rfm=scores)


def group_rules(name: str, condition: Condition) -> DimensionRules:
    """Return a group as a dimension."""
    return DimensionRules(name=f"group.{name}", categories=(OUT, IN), member=condition)


def results_of(rulebook: Rulebook) -> Results:
    """Return everything that a rulebook concludes and its rules may name."""
    dimensions = {name: _result(entry) for name, entry in rulebook.dimensions.items()}
    if rulebook.lifecycle is not None:
        dimensions["lifecycle"] = Result("single", stages(rulebook.lifecycle))
    if rulebook.rfm:
        dimensions["rfm"] = Result("single", rfm.SEGMENTS)
    for name in rulebook.groups:
        dimensions[f"group.{name}"] = Result("single", (OUT, IN))
    return Results(
        dimensions=dimensions,
        tiers=tuple(entry.name for entry in rulebook.tiers.ladder),
        bands=() if rulebook.churn is None else BANDS,
    )


def dimensions_of(rulebook: Rulebook) -> Iterator[Dimension]:
    """Yield all dimensions as the reducer knows them, with their labels."""
    for name, entry in rulebook.dimensions.items():
        categories = tuple(
            Category(c.name, labelled(c.label, c.name), c.was) for c in entry.levels or entry.cases
        )
        yield Dimension(
            name, labelled(entry.label, name), _result(entry).kind, categories, entry.was
        )
    if rulebook.lifecycle is not None:
        label = rulebook.lifecycle.label or {"en": "Lifecycle", "zh": "客户生命周期"}
        names = stages(rulebook.lifecycle)
        yield Dimension("lifecycle", label, "single", _categories(names, _LIFECYCLE_LABELS))
    if rulebook.rfm:
        categories = _categories(rfm.SEGMENTS, rfm.LABELS)
        yield Dimension("rfm", {"en": "RFM", "zh": "RFM 分层"}, "single", categories)
    for name, group in rulebook.groups.items():
        yield Dimension(
            f"group.{name}",
            labelled(group.label, name),
            "single",
            _categories((OUT, IN), _MEMBERSHIP_LABELS),
            tuple(f"group.{former}" for former in group.was),
        )


def labelled(label: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Return a label, or one made of the name."""
    return label or {"en": name.replace("_", " ").capitalize()}


def _categories(
    names: tuple[str, ...], labels: Mapping[str, Mapping[str, str]]
) -> tuple[Category, ...]:
    return tuple(Category(name, labels[name]) for name in names)


def _result(entry: DimensionEntry) -> Result:
    names = tuple(category.name for category in entry.levels or entry.cases)
    if entry.value_of is not None:
        return Result("open", ())
    return Result("many" if entry.all_matches else "single", names)


def _days(written: str) -> Constant:
    return Constant(int(written.removesuffix("d")))
