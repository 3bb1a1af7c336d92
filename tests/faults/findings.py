"""What a judge found: three counts, and the first few findings in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_NOTES_MAX = 12
_SHOWN_MAX = 3
_T = TypeVar("_T", bound=Hashable)
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


@dataclass(slots=True)
class Findings:
    """Nothing is wrong where all three counts are 0."""

    lost: int = 0
    duplicates: int = 0
    differences: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not (self.lost or self.duplicates or self.differences)

    def lose(self, what: str, count: int = 1) -> None:
        """Something did not come out."""
        self.lost += count
        self._note(what)

    def repeat(self, what: str, count: int = 1) -> None:
        """Something came out more than once."""
        self.duplicates += count
        self._note(what)

    def differ(self, what: str, count: int = 1) -> None:
        """Something came out otherwise."""
        self.differences += count
        self._note(what)

    def add(self, other: Findings) -> None:
        """Take in what another judge found."""
        self.lost += other.lost
        self.duplicates += other.duplicates
        self.differences += other.differences
        for note in other.notes:
            self._note(note)

    def compare(self, what: str, wanted: Mapping[_K, _V], found: Mapping[_K, _V]) -> None:
        """Count the keys that the two do not have alike."""
        names = [*wanted, *(name for name in found if name not in wanted)]
        wrong = [name for name in names if wanted.get(name) != found.get(name)]
        if wrong:
            self.differ(f"{what}: {len(wrong)} differ, such as {wrong[:_SHOWN_MAX]}", len(wrong))

    def count(self, what: str, wanted: Sequence[_T], found: Counter[_T]) -> None:
        """Expect each of `wanted` once, and nothing else."""
        expected = Counter(wanted)
        missing, more = list((expected - found).elements()), list((found - expected).elements())
        if missing:
            self.lose(f"{what}: {len(missing)} lost, such as {missing[:_SHOWN_MAX]}", len(missing))
        repeated = [each for each in more if each in expected]
        if repeated:
            few = repeated[:_SHOWN_MAX]
            self.repeat(f"{what}: {len(repeated)} repeated, such as {few}", len(repeated))
        foreign = [each for each in more if each not in expected]
        if foreign:
            few = foreign[:_SHOWN_MAX]
            self.differ(f"{what}: {len(foreign)} that nothing caused, such as {few}", len(foreign))

    def _note(self, what: str) -> None:
        if len(self.notes) < _NOTES_MAX:
            self.notes.append(what)
