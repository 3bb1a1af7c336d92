"""What a rulebook is refused for: one finding a mistake, which names what to do."""

from __future__ import annotations

import pytest

from models.errors import BadRulebook
from rules.compiler.compile import compile_book

STRICT = """rulebook: strict
version: 1
zone: UTC
currency: GBP
parameters: {{m: {{value: 100, unit: {unit}, why: x}}, s: {{value: 3, unit: score, why: x}}}}
tiers: {{ladder: [{{name: base}}, {{name: good, qualify: "{qualify}"}}]}}
{rest}
"""


@pytest.mark.parametrize(
    ("unit", "qualify", "rest", "said"),
    [
        ("gbp", "spend(days=30) >= m", "", "`gbp` is not a unit"),  # and nothing of its uses
        ("GBP", "spend(days=30) >= 1", "", "the bound 1 is not a parameter"),  # a penny
        ("GBP", "last_feedback('polarity') == 'good'", "", "is never 'good'"),
        ("GBP", "tier == 'good'", "", "`qualify` of `good` asks for tier"),
        ("GBP", "feedback_mean(metric='label', days=9) >= s", "", "metric='label' is not known"),
        ("GBP", "spend(days=30) >= m", "action: {a: {every: 9d}}", "did you mean actions"),
        ("GBP", "spend(days=30) >= m", "actions: {a: {every: 9d, valid_for: 0d}}", "`valid_for`"),
        (
            "GBP",
            "spend(days=30) >= m",
            "dimensions: {d: {measure: spend(days=9), levels: [{name: a, from: 1}, {name: b}]}}",
            "the bound 1 is not a parameter",
        ),
    ],
)
def test_one_mistake_is_one_finding(unit: str, qualify: str, rest: str, said: str) -> None:
    with pytest.raises(BadRulebook) as refused:
        compile_book(STRICT.format(unit=unit, qualify=qualify, rest=rest))
    assert said in str(refused.value)
    assert str(refused.value).count("rulebook.yaml:") == 1


TIER = "tiers: {ladder: [{name: base}, {name: good, qualify: orders() > 0}]}"
MISPLACED = """rulebook: misplaced
version: 1
zone: UTC
currency: GBP
"""


@pytest.mark.parametrize(
    ("construct", "hint"),
    [
        (TIER.replace("qualify", "when"), "did you mean qualify?"),
        (TIER.replace("ladder", "grace: 9d, ladder"), "downgrade, ladder, refund, review, upgrade"),
        (TIER.replace("tiers", "tires"), "did you mean tiers?"),
        ("dimensions: {d: {all_matches: [{name: a, qualify: orders() > 0}]}}", "mean when?"),
        ("dimensions: {d: {all_matches: [{name: a, from: b}]}}", "label, name, otherwise, was, wh"),
        ("dimensions: {levels: {value_of: profile.city, when: x}}", "did you mean only_if?"),
        ("scores: {s: [{points: 1, when: orders() > 0}]}", "did you mean if?"),
        ("parameters: {p: {value: 1, unti: orders, why: x}}", "did you mean unit?"),
        ("groups: {g: {while: orders() > 0}}", "did you mean when?"),
        ("actions: {a: {every: 9d, if: orders() > 0}}", "did you mean when or while?"),
        ("policies: {p: {when: orders() > 0}}", "did you mean while?"),
        ("churn: {horizon: 9d, bands: {high: {entre: 5, keep: 4}}}", "did you mean enter?"),
        ("examples: [{name: x, story: [{at: 2026-01-05, expect: {warning: {end: x}}}]}]", "ends?"),
        ("parameters: {p: {value:1, unit: orders, why: x}}", "did you mean value?"),
    ],
)
def test_an_unknown_key_is_compared_with_those_of_its_place(construct: str, hint: str) -> None:
    rest = "" if "ladder" in construct else TIER
    with pytest.raises(BadRulebook) as refused:
        compile_book(f"{MISPLACED}{rest}\n{construct}\n")
    message = str(refused.value)
    (said,) = [part for part in message.split("rulebook.yaml:") if "unknown key" in part]
    assert hint in said
    assert "is missing" not in message.replace("`medium` is missing", "")


PLAIN = {"value": "100", "bound": "s", "cost": "3", "points": "5", "grace": "9d"}
LEAVES = """rulebook: leaves
version: 1
zone: UTC
currency: GBP
parameters: {{s: {{value: {value}, unit: score, why: x}}}}
tables: {{t: {{unit: score, entries: {{a: {cost}}}}}}}
scores: {{p: [{{points: {points}, if: orders() > 0}}]}}
dimensions: {{d: {{measure: nps(), levels: [{{name: a, from: {bound}}}, {{name: b}}]}}}}
tiers: {{ladder: [{{name: base}}, {{name: good, qualify: orders() > 0, grace: {grace}}}]}}
"""


@pytest.mark.parametrize(
    ("leaf", "written", "said", "hint"),
    [
        ("value", "1_000", "`value` must be a number, not '1_000'", "write 1000, as a plain"),
        ("value", "50%", "`value` must be a number, not '50%'", "write 0.5, as a plain"),
        ("value", '"100"', "`value` must be a number, not '100'", "write 100, as a plain"),
        ("value", "no", "`value` must be a number, not 'no'", "write a number such as 100"),
        ("value", "true", "`value` must be a number, not true", "write a number such as 100"),
        ("value", "", "`value` must be a number, not nothing", "write a number such as 100"),
        ("value", "1e400", "`value` must be a number, not inf", "write a number such as 100"),
        ("points", "five", "`points` must be a number, not 'five'", "write a number such as 30"),
        ("cost", "[1]", "`entries` must be a text or a number, not a list", "{Shanghai: big"),
        ("bound", "12", "the bound 12 is not a parameter", "{a_name: {value: 12, unit: …, "),
        ("bound", "true", "the bound true is not a parameter", "name it"),
        ("grace", "48h", "`grace` is not written as expected: '48h'", "number of days such as"),
        ("grace", "30", "`grace` must be a text, not 30", "a number of days such as 30d"),
    ],
)
def test_one_leaf_is_one_finding(leaf: str, written: str, said: str, hint: str) -> None:
    assert compile_book(LEAVES.format(**PLAIN)).name == "leaves"
    with pytest.raises(BadRulebook) as refused:
        compile_book(LEAVES.format(**PLAIN | {leaf: written}))
    message = str(refused.value)
    assert message.count("rulebook.yaml:") == 1
    assert f": {said}\n    hint: " in message
    assert hint in message


@pytest.mark.parametrize(
    "rest",
    [
        "scores: {class: [{points: 1, if: orders() > 0}]}",
        "measures: {class: orders()}",
        "dimensions: {class: {value_of: profile.city}}",
        "groups: {class: orders() > 0}",
    ],
)
def test_what_expressions_could_not_name_is_refused_where_it_stands(rest: str) -> None:
    with pytest.raises(BadRulebook) as refused:
        compile_book(STRICT.format(unit="GBP", qualify="spend(days=30) > 0", rest=rest))
    assert str(refused.value) == (
        "rulebook.yaml:7: `class` is a word of Python: expressions could not name it\n"
        "    hint: give it another name, such as: class_name"
    )


def test_a_parameter_that_expressions_could_not_name_is_refused() -> None:
    text = STRICT.format(unit="GBP", qualify="spend(days=30) > 0", rest="")
    with pytest.raises(BadRulebook, match=r"rulebook.yaml:5: `pass` is a word of Python"):
        compile_book(text.replace("{m:", "{pass:"))


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        (
            "scores:\n  v: [\n    {points: 1,\n    if: orders() > some}]\n",
            4,
            "no parameter `some`",
        ),
        (
            "scores:\n  w: [{points: 1, if: some() > 0}]\n  v: [{points: 1, if: score.w > 0}]\n",
            2,
            "no fact `some`",
        ),
        ("measures:\n  a: orders()\n  b: spent()\n", 3, "no fact `spent`"),
        ("tables:\n  t:\n    unit: GBP\n    entries:\n      A: 1.5\n      B: 2.505\n", 6, "coin"),
        ("tables:\n  t:\n    entries:\n      A: x\n      B: 2\n", 5, "has no unit"),
        ("tables:\n  t:\n    entries:\n      A: 1\n    unit: gbp\n", 5, "`gbp` is not a unit"),
    ],
)
def test_a_mistake_in_a_list_or_table_has_its_own_line(section: str, line: int, said: str) -> None:
    head = "rulebook: x\nversion: 1\nzone: UTC\ncurrency: GBP\ntiers: {ladder: [{name: base}]}\n"
    with pytest.raises(BadRulebook) as refused:
        compile_book(section + head)
    assert f"rulebook.yaml:{line}: " in str(refused.value)
    assert said in str(refused.value)
    assert str(refused.value).count("rulebook.yaml:") == 1


@pytest.mark.parametrize(
    "qualify", ["spend(days=30) > 0", "orders(days=30) >= 1", "last_feedback('kind') == 'review'"]
)
def test_what_is_meant_is_taken(qualify: str) -> None:
    assert compile_book(STRICT.format(unit="GBP", qualify=qualify, rest="")).tiers[1].name == "good"
