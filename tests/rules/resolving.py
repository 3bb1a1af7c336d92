"""A resolver of a rulebook that says nothing itself, for tests of expressions alone."""

from __future__ import annotations

from rules.language.reading import Reader
from rules.language.resolve import Resolver
from rules.language.rulebook import read

_TEXT = """
rulebook: empty
version: 1
zone: UTC
currency: GBP
personal: [age, culture, gender]
tiers: {ladder: [{name: base}]}
"""


def resolver() -> Resolver:
    """Return a resolver without parameters or results; personal attributes are declared."""
    return Reader(*read(_TEXT, "empty.yaml")).resolver
