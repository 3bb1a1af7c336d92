"""What walking a rulebook's trees explains, beside what is written out for it."""

from __future__ import annotations

import msgspec

from rules.explanation.evidence import of_condition
from rules.explanation.needs import needed
from rules.explanation.view import View

_json = msgspec.json.Encoder().encode


def written_equals_walked(view: View) -> None:
    """The generated functions explain what walking the trees explains, to the byte."""
    book = view.book
    arguments = view.state, view.now, view.band_index, view.given
    for tier in book.rules.tiers:
        for part, condition in (("qualify", tier.qualify), ("keep", tier.keep)):
            rule = f"tiers.{tier.name}.{part}"
            if condition is not None and rule in book.evidence:
                walked = list(of_condition(view, rule, condition))
                assert _json(book.evidence[rule](*arguments)) == _json(walked)
            if condition is not None and rule in book.missing:
                walked = needed(view, condition)
                assert _json(book.missing[rule](*arguments)) == _json(walked)
