"""Reading the expressions of one rulebook, and noting what is wrong with them.

An expression that failed is None from then on: one mistake is one finding.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rules.facts import PERSONAL
from rules.facts.vocabulary import Unit
from rules.language.definitions import AlreadySaid, Definitions
from rules.language.derived import results_of
from rules.language.document import Document, Finding, Path
from rules.language.entries import Rulebook
from rules.language.expression import BadExpression
from rules.language.hints import nearest
from rules.language.parameters import parameters_of, tables_of
from rules.language.places import places_of
from rules.language.resolve import Resolver
from rules.language.tree import Condition, Constant, Value

_PERSONAL = tuple(sorted("age" if name == "birth_date" else name for name in PERSONAL))


class Reader:
    """Resolves expressions by the names of a rulebook; keeps findings and advice."""

    def __init__(self, rulebook: Rulebook, document: Document) -> None:
        self._document = document
        self.rulebook = rulebook
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self._definitions = Definitions(rulebook)
        churn = rulebook.churn
        self.resolver = Resolver(
            parameters=parameters_of(rulebook, self.refuse),
            tables=tables_of(rulebook, self.refuse),
            definitions=self._definitions,
            results=results_of(rulebook),
            places=places_of(rulebook.sites),
            personal=frozenset(rulebook.personal),
            horizon_days=0.0 if churn is None else float(churn.horizon.removesuffix("d")),
        )
        for index, name in enumerate(rulebook.personal):
            if name not in _PERSONAL:
                hint = nearest(name, _PERSONAL)
                self.refuse(("personal", index), f"`{name}` is no personal attribute", hint)
        self._definitions_are_sound()

    def refuse(self, path: Path, what: str, hint: str = "") -> None:
        """Note what a rulebook cannot be accepted with."""
        self.findings.append(self._document.finding(path, what, hint))

    def advise(self, path: Path, what: str, hint: str = "") -> None:
        """Note what its author should think about."""
        self.warnings.append(self._document.finding(path, what, hint))

    def is_own(self, path: Path) -> bool:
        """Tell whether what stands at a path is the rulebook's own, not of what it includes."""
        return path not in self._document.files

    def place(self, dimension: str) -> Path:
        """Return where a dimension stands: groups and the lifecycle have sections of their own."""
        if dimension.startswith("group."):
            return "groups", dimension.removeprefix("group.")
        own = dimension in self.rulebook.dimensions
        return ("dimensions", dimension) if own else (dimension,)

    def condition(self, path: Path, text: str | None, *, moments: bool = False) -> Condition | None:
        """Return a condition, None without one or where it is wrong."""
        if text is None:
            return None
        try:
            return self.resolver.read_condition(text, moments=moments)
        except BadExpression as error:
            self._said(path, error)
            return None

    def value(self, path: Path, text: str | None) -> tuple[Value, Unit | None] | None:
        """Return a value with its unit, None without one or where it is wrong."""
        if text is None:
            return None
        try:
            return self.resolver.read_value(text)
        except BadExpression as error:
            self._said(path, error)
            return None

    def bound(self, path: Path, bound: str | int | None, unit: Unit | None) -> Constant | None:
        """Return the bound of a level, None without one or where it is wrong."""
        if bound is None:
            return None
        if isinstance(bound, int) and (bound == 0 or unit is not Unit.MONEY):
            return Constant(bound)
        if isinstance(bound, int):
            self.refuse(path, f"the bound {bound} is not a parameter", "name it, with a currency")
            return None
        try:
            return self.resolver.bound(bound, unit)
        except BadExpression as error:
            self._said(path, error)
            return None

    def one_of(self, path: Path, name: str, known: Collection[str]) -> bool:
        """Tell whether a name is known; note it where it is not."""
        if name in known:
            return True
        self.refuse(path, f"`{name}` is not known here", nearest(name, known))
        return False

    def distinct(self, path: Path, names: Sequence[str]) -> None:
        """Note every name that stands twice."""
        for index, name in enumerate(names):
            if name in names[:index]:
                self.refuse((*path, index), f"`{name}` stands twice", "give each its own name")

    def _said(self, path: Path, error: BadExpression) -> None:
        if not isinstance(error, AlreadySaid):
            self.refuse(path, error.what, error.hint)

    def _definitions_are_sound(self) -> None:
        for name in self._definitions.names:
            try:
                self._definitions.find(name, self.resolver.value, self.resolver.condition)
            except AlreadySaid:
                continue
        for name, error in self._definitions.failed.items():
            self._said(self._definitions.places[name], error)
