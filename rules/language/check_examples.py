"""The check of examples: what they tell can happen, and what they expect can be concluded."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.calendar import calendar
from rules.examples.stories import Expect
from rules.examples.timeline import refused
from rules.language.document import Document, Path, refusal
from rules.language.entries import Rulebook
from rules.language.reading import Reader

RESERVED = ("tier", "band")  # what examples call the tier and the churn band


def examples_are_possible(reader: Reader) -> None:
    """Note every name in an example that does not exist."""
    for index, example in enumerate(reader.rulebook.examples):
        for line, step in enumerate(example.story):
            if step.expect is not None:
                path: Path = ("examples", index, "story", line, "expect")
                _expect(reader, path, step.expect)


def refuse_impossible(rulebook: Rulebook, document: Document) -> None:
    """Refuse the examples that tell what ingress would not take.

    It is asked for where a rulebook is written. Who runs one never plays its examples: what ingress
    has learnt to refuse since must not put a rulebook out of force.

    Raises:
        BadRulebook: with every finding, each with file, line and hint.
    """
    zone, hint = calendar(rulebook.zone), "write what a producer could send"
    findings = [
        document.finding(("examples", index, *place), f"ingress refuses this: {why}", hint)
        for index, example in enumerate(rulebook.examples)
        for place, why in refused(example, zone, rulebook.currency)
    ]
    if findings:
        raise refusal(findings)


def _expect(reader: Reader, path: Path, expect: Expect) -> None:
    results = reader.resolver.results
    known = {name: result.values for name, result in results.dimensions.items()}
    if expect.tier is not None:
        reader.one_of((*path, "tier"), expect.tier, results.tiers)
    if expect.band is not None:
        reader.one_of((*path, "band"), expect.band, results.bands)
    for name, category in expect.segment.items():
        _category(reader, (*path, "segment", name), known, category)
    if isinstance(expect.changes, dict):
        known |= {"tier": results.tiers, "band": results.bands}
        for name, change in expect.changes.items():
            _category(reader, (*path, "changes", name), known, change)
    asked = (("policies", reader.rulebook.policies), ("actions", reader.rulebook.actions))
    for key, names in (*asked, ("cancelled", reader.rulebook.actions)):
        for name in getattr(expect, key) or ():
            reader.one_of((*path, key), name, names)


def _category(
    reader: Reader,
    path: Path,
    known: Mapping[str, Collection[str]],
    said: str | tuple[str | None, ...] | None,
) -> None:
    """Note a dimension, or a category of it, that does not exist; open ones take any text."""
    name = str(path[-1])
    if reader.one_of(path, name, known) and (known[name] or name in RESERVED):
        for category in (said,) if isinstance(said, str) else said or ():
            if category is not None:
                reader.one_of(path, category, known[name])
