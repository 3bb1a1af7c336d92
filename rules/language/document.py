"""YAML as rulebooks use it: the core schema of YAML 1.2, with the line of every value.

`on`, `NO`, `12:30` and `2026-01-05` are texts. Keys are texts and stand once. Aliases and tags are
refused, because a reader should see what a rulebook says where it says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from models.errors import BadRulebook
from rules.language.hints import lookalike

Path: TypeAlias = tuple[str | int, ...]
SIZE_MAX = 512 * 1024  # bytes; what a control event may carry
DEPTH_MAX = 40

_STR = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_QUOTED = re.compile(r"""\"[^"]*"|'[^']*'|\#.*""")  # and comments
_AFTER_A_KEY = "while scanning a simple key"  # it has no colon, which is noticed in the next line
_CUT = "an expression inside {…} needs quotes; here it was cut at a comma"
_CUT_NUMBER = "a comma in a number cuts the entry inside {…} in two"
_PLAIN_NUMBER = "write 1000 instead of 1,000, and 0.5 instead of 0,5"
_QUOTE = "write it as: when: \"orders(days=90) == 0 and complaints(days=90, type='delivery') == 0\""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a rulebook: where, what, and what to do."""

    file: str
    line: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}: {self.what}{hint}"


def refusal(findings: Iterable[Finding]) -> BadRulebook:
    """Return the error that says every finding, in the order of lines."""
    ordered = sorted(set(findings), key=lambda finding: (finding.line, finding.what))
    return BadRulebook("\n".join(str(finding) for finding in ordered))


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document: plain values, and the line at which each path stands.

    `files` names the document that something at a path was included from.
    """

    file: str
    data: dict[str, Any]
    lines: dict[Path, int]
    files: dict[Path, str] = field(default_factory=dict)

    def finding(self, path: Path, what: str, hint: str = "") -> Finding:
        """Return a finding about the value at `path`, or about the nearest one that contains it."""
        while path not in self.lines and path:
            path = path[:-1]
        file = self.files.get(path[:2], self.file)
        return Finding(file, self.lines.get(path, 1), what, hint)


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the implicit types of the 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases (*name) are not part of it; write the value again"
        elif event.tag is not None:
            problem = f"tags ({event.tag}) are not part of it; write the plain value"
        if problem is not None:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    (_NULL, r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_INT, r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,14}", list("-+0123456789")),
    (
        _FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)


class Dumper(yaml.SafeDumper):
    """PyYAML's writer, which leaves plain only what `load` reads as the same value."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def load(text: str, file: str) -> Document:
    """Read one YAML document whose top is a mapping.

    Raises:
        BadRulebook: it is not YAML, or uses what rulebooks do not; every finding has its line.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > SIZE_MAX:
        what = f"the rulebook has {size:,} bytes; {SIZE_MAX:,} are allowed"
        raise refusal([Finding(file, 1, what, "split it, or shorten its examples")])
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise refusal([_not_yaml(error, text, file)]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = f"this is not YAML as rulebooks use it: {str(error).splitlines()[0]}"
        hint = "a rulebook is plain UTF-8 text, not nested deeply"
        raise refusal([Finding(file, 1, what, hint)]) from None
    if not isinstance(root, yaml.MappingNode):
        raise refusal(
            [Finding(file, 1, "a rulebook is a mapping of keys", "begin with: rulebook: a_name")]
        )
    reader = _Reader(file)
    data = reader.value(root, ())
    if reader.findings:
        raise refusal(reader.findings)
    return Document(file, data, reader.lines)


def _not_yaml(error: yaml.MarkedYAMLError, text: str, file: str) -> Finding:
    """Say what the parser met; where a letter only looks like one of YAML's, at its line."""
    what = f"this is not YAML as rulebooks use it: {error.problem or error.context}"
    mark = error.problem_mark or error.context_mark
    if error.context == _AFTER_A_KEY:
        mark = error.context_mark
    at = 0 if mark is None else mark.line
    lines = text.splitlines()
    for line in (at, at - 1):
        hint = lookalike(_QUOTED.sub("", lines[line])) if 0 <= line < len(lines) else ""
        if hint:
            return Finding(file, line + 1, what, hint)
    hint = "check the indentation, and put expressions inside {…} in quotes"
    return Finding(file, at + 1, what, hint)


class _Reader:
    """Turns YAML nodes into plain values, and notes lines and findings."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.findings: list[Finding] = []

    def value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > DEPTH_MAX:
            self._note(node, "the rulebook is nested too deeply", "see the shipped rulebooks")
            return None
        match node:
            case yaml.MappingNode():
                return dict(self._entries(node, path))
            case yaml.SequenceNode():
                self._watch_for_cuts(node, node.value)
                return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
            case _:
                return self._scalar(node)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        self._watch_for_cuts(node, [part for entry in node.value for part in entry])
        seen: set[str] = set()
        for key, value in node.value:
            if node.flow_style and key.tag in {_INT, _FLOAT} and value.tag == _NULL:
                self._note(key, _CUT_NUMBER, _PLAIN_NUMBER)
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _STR:
                self._note(key, "a key must be a text", "put it in quotes if it is meant as one")
                continue
            if key.value in seen:
                self._note(key, f"{key.value!r} stands twice here", "only the last would count")
            seen.add(key.value)
            self.lines[(*path, key.value)] = key.start_mark.line + 1
            yield key.value, self.value(value, (*path, key.value))

    def _scalar(self, node: yaml.Node) -> str | int | float | bool | None:
        text: str = node.value
        match node.tag:
            case tag if tag == _NULL:
                return None
            case tag if tag == _BOOL:
                return text.lower() == "true"
            case tag if tag == _INT:
                return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
            case tag if tag == _FLOAT:
                return float(text)
        return text

    def _watch_for_cuts(self, node: yaml.CollectionNode, parts: list[yaml.Node]) -> None:
        """Find `{when: f(a=1, b=2) > 0}`, which YAML cuts into two entries at the comma."""
        if not node.flow_style:
            return
        for part in parts:
            plain = isinstance(part, yaml.ScalarNode) and part.style is None
            if plain and part.value.count("(") != part.value.count(")"):
                self._note(part, _CUT, _QUOTE)
                return

    def _note(self, node: yaml.Node, what: str, hint: str) -> None:
        self.findings.append(Finding(self.file, node.start_mark.line + 1, what, hint))
