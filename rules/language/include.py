"""`include`: the constructs of shipped rulebooks, taken over into another one.

An included rulebook gives everything but itself: neither its ladder nor its zone, currency, churn,
lifecycle or examples. A name that both have is refused, because which one counts would be a guess.
"""

from __future__ import annotations

from typing import Any

import yaml

from models.money import MINOR_DIGITS
from rules import catalog
from rules.language.document import Document, Dumper, Finding, load, refusal
from rules.language.entries import INCLUDES_MAX

SECTIONS = (
    *("parameters", "tables", "measures", "scores", "dimensions", "groups", "policies", "actions"),
)


def included(document: Document) -> Document:
    """Return a document with what it includes written into it; it includes nothing then.

    Raises:
        BadRulebook: a name is unknown, taken twice, or of a rulebook in another currency.
    """
    names = document.data.get("include", [])
    if not isinstance(names, list) or not 0 < len(names) <= INCLUDES_MAX:
        return document  # the reader says what is wrong with it, if anything is
    whole = Document(
        document.file,
        {key: value for key, value in document.data.items() if key != "include"},
        dict(document.lines),
    )
    findings: list[Finding] = []
    for index, name in enumerate(names):
        if name not in catalog.NAMES:
            hint = f"shipped are: {', '.join(catalog.NAMES)}"
            what = f"there is no rulebook `{name}` to include"
            findings.append(document.finding(("include", index), what, hint))
            continue
        if name in names[:index]:
            what = f"`{name}` is included twice"
            findings.append(document.finding(("include", index), what, "once is enough"))
            continue
        other = load(catalog.text(name), f"{name}.yaml")
        home, theirs = document.data.get("currency"), other.data["currency"]
        if isinstance(home, str) and home in MINOR_DIGITS and home != theirs:
            hint = "take over what you need of it into your own file, with bounds of your own"
            what = f"`{name}` has bounds in {theirs}, and this rulebook counts in {home}"
            findings.append(document.finding(("include", index), what, hint))
            continue
        findings += _take(whole, other)
    if findings:
        raise refusal(findings)
    return whole


def standalone(text: str, file: str) -> str:
    """Return a rulebook's text with what it includes written out.

    What is activated must not depend on the rulebooks that some version ships.

    Raises:
        BadRulebook: the text cannot be read, what it includes does not fit, or it cannot be
            written out.
    """
    document = load(text, file)
    if not document.data.get("include"):
        return text
    whole = included(document)
    written: str = yaml.dump(
        whole.data, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100
    )
    if load(written, file).data != whole.data:
        what = "written out with what it includes, this rulebook does not read the same"
        hint = "write its texts without control characters"
        raise refusal([document.finding((), what, hint)])
    return written


def _take(whole: Document, other: Document) -> list[Finding]:
    """Write the constructs of a document into `whole`; return what clashes."""
    clashes = []
    for section in SECTIONS:
        given: dict[str, Any] = other.data.get(section, {})
        own = whole.data.get(section) or {}
        if not isinstance(own, dict):
            continue
        for name in given:
            if name in own:
                what = f"`{name}` of {section} is also in the included {other.file}"
                clashes.append(whole.finding((section, name), what, "give it another name"))
            whole.files[section, name] = other.file
        whole.data[section] = {**given, **own}
        for path, line in other.lines.items():
            if path[0:1] == (section,) and len(path) > 1:
                whole.lines[path] = line
    own, given_list = whole.data.get("personal", []), other.data.get("personal", [])
    if isinstance(own, list):
        whole.data["personal"] = [*own, *(name for name in given_list if name not in own)]
    return clashes
