"""Lines of the result: a figure for people, and the same under a name for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing; `values` are its figures by the names that they have in JSON."""

    what: str
    figure: str
    how: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
