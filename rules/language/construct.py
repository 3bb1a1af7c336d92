"""What the constructs of the language have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from rules.language.scalars import Label, Name


class Entry(BaseModel):
    """A construct: what it does not know is refused, and what was read stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Named(Entry):
    """A construct with labels for people, and the names that it had in earlier versions."""

    label: Label = {}
    """What people read, by language, such as `{en: Gold, zh: 金卡}`."""

    was: tuple[Name, ...] = ()
    """Names that it had in earlier rulebooks, or of what it takes the place of."""
