"""The check: names, units and structure; a rulebook passes whole or is refused whole."""

from __future__ import annotations

import pytest

from models.customer import CustomerState
from models.errors import BadRulebook
from rules.book import NOTHING_GIVEN, Book
from rules.compiler.compile import compile_book
from rules.explanation.view import View
from rules.language.tree import Compare, Constant, Fact

HEAD = """\
rulebook: shop
version: 1
zone: UTC
currency: GBP
parameters:
  much: {value: 99.5, unit: GBP, why: test}
  more: {value: 200, unit: GBP, why: test}
  often: {value: 3, unit: orders, why: test}
  third: {value: 0.3, unit: share, why: test}
  staff: {value: 9, unit: number, why: test}
dimensions:
  worth:
    measure: spend(days=90)
    levels: [{name: high, from: much}, {name: low}]
"""
TIERS = 'tiers:\n  ladder:\n    - {name: base}\n    - {name: good, qualify: "%s"}\n'
CHURN = (
    "churn: {horizon: 90d, bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}}\n"
)


def book(condition: str = "orders() > 0", more: str = "") -> Book:
    return compile_book(HEAD + TIERS % condition + more, "shop.yaml")


def refused(text: str) -> str:
    with pytest.raises(BadRulebook) as error:
        compile_book(text, "shop.yaml")
    return str(error.value)


def test_money_is_compared_in_minor_units() -> None:
    qualify = book("spend(days=90) >= much").rules.tiers[1].qualify
    assert qualify == Compare(Fact("spend", (("days", 90),)), ">=", Constant(9_950, "much"))


def test_arguments_stand_in_one_order() -> None:
    one = book("complaints(type='delivery', days=90) > 0").rules
    assert one == book("complaints(days=90, type='delivery') > 0").rules


@pytest.mark.parametrize(
    "condition",
    [
        "spend(days=30) / spend(days=90) >= third",
        "spend(days=90) / orders(days=90) >= much",
        "spend(days=30) >= third * spend(days=90)",
        "2 * spend(days=30) > spend(days=90) - refunds(days=90)",
        "much < spend(days=90) <= 2 * more",
        "profile.employees >= staff and profile.industry != 'farm'",
        "profile.custom.colour in ('red', 'blue')",
        "has(profile.interests, 'golf')",
        "segment.worth == 'high'",
        "days_since_purchase() <= 1",
    ],
)
def test_what_fits_passes(condition: str) -> None:
    assert book(condition).rules.tiers[1].qualify is not None


@pytest.mark.parametrize(
    ("condition", "what", "hint"),
    [
        ("spent(days=90) >= much", "no fact `spent`", "did you mean spend?"),
        ("spend(days=90) >= mush", "no parameter `mush`", "did you mean much?"),
        ("spend >= much", "`spend` is a fact", "spend()"),
        ("spend(day=90) >= much", "no argument `day`", "did you mean days?"),
        ("spend(90) >= much", "has no name", "spend(days=90)"),
        ("activities('flight') > 0", "'flight' has no name", "activities(kind='flight')"),
        ("feedback_mean('csat') > 1", "'csat' has no name", "feedback_mean(metric='csat')"),
        ("spend(-1) >= much", "has no name", "arguments of spend are: days, period"),
        ("days_since_purchase(9) > 1", "has no name", "write days_since_purchase()"),
        ("spend(days=-30) >= much", "a window of -30 days is not possible", "1 to 800"),
        ("spend(days=801) >= much", "a window of 801 days", "1 to 800"),
        ("spend(days=0) >= much", "a window of 0 days", ""),
        ("spend(days=1.5) >= much", "a window of 1.5 days", ""),
        ("complaints(severity='hihg') > 0", "severity='hihg' is not known", "did you mean high?"),
        ("complaints(type=5) > 0", "`type` is a text", "quotes"),
        ("activities(days=9) > 0", "activities needs `kind`", ""),
        ("feedback_mean() > 1", "feedback_mean needs `metric`", "csat"),
        ("has(profile.city, 'x')", "not a list of the profile", ""),
        ("has(profile.interests)", "has needs `value`", ""),
        ("spend(days=90) >= often", "is in money, often is in orders", "only equal units"),
        ("orders() >= third", "third is in share", ""),
        ("spend(days=90) >= 500", "the bound 500 is not a parameter", "a currency code"),
        ("orders() >= 5", "the bound 5 is not a parameter", "unit: orders"),
        ("spend() + orders() > 0", "is in money, orders() is in orders", ""),
        ("spend() * spend() > 0", "multiplies two facts", ""),
        ("orders() / spend() > 0", "has no meaning in units", ""),
        ("spend() / 0 > 0", "divides by 0", ""),
        ("orders()", "neither true nor false", "orders() >= some_parameter"),
        ("has(profile.interests, 'x') == 1", "is true or false already", ""),
        ("much > more", "is always the same", ""),
        ("profile.industry > 'a'", "texts have no order", "in ('a', 'b')"),
        ("profile.industry == staff", "does not compare a text with a text", ""),
        ("profile.industry == profile.city", "does not compare a text with a text", ""),
        ("profile.employees == 'many'", "is in text", ""),
        ("orders() in ('a', 'b')", "is not a text", ""),
        ("profile.interests == 'golf'", "is a list", "has(profile.interests"),
        ("profile.industri == 'x'", "not an attribute", "did you mean industry?"),
        ("segment.wort == 'high'", "no dimension `wort`", "did you mean worth?"),
        ("segment.worth == 'hihg'", "segment.worth is never 'hihg'", "did you mean high?"),
        ("segment.worth in ('high', 'top')", "segment.worth is never 'top'", ""),
        ("segment.worth('x') == 'high'", "takes no arguments", ""),
        ("churn.band == 'high'", "has no churn bands", "churn:"),
        ("share('bespoke') >= third", "of='bespoke' is not known", "custom"),
        ("__import__('os') == 0", "no fact `__import__`", ""),
        ("orders.__class__ == 'x'", "no fact `orders.__class__`", ""),
        ("orders() >= 1e300", "1e+300 is too large", ""),
    ],
)
def test_what_does_not_fit_is_named(condition: str, what: str, hint: str) -> None:
    message = refused(HEAD + TIERS % condition)
    assert message.startswith("shop.yaml:18: "), message
    assert what in message
    assert hint in message


def test_a_band_that_does_not_exist() -> None:
    message = refused(HEAD + TIERS % "churn.band == 'hihg'" + CHURN)
    assert "churn.band is never 'hihg'\n    hint: did you mean high?" in message


@pytest.mark.parametrize(
    ("parameter", "what"),
    [
        ("{value: 5, unit: USD, why: t}", "`x` is in USD"),
        ("{value: 5, unit: order, why: t}", "did you mean orders?"),
        ("{value: 0.005, unit: GBP, why: t}", "not a whole amount of the smallest coin"),
        ("{value: 1e16, unit: orders, why: t}", "`x` is too large"),
    ],
)
def test_a_parameter_that_cannot_be(parameter: str, what: str) -> None:
    text = HEAD.replace("dimensions:", f"  x: {parameter}\ndimensions:")
    message = refused(text + TIERS % "orders() > 0")
    assert message.startswith("shop.yaml:11: ")
    assert what in message


@pytest.mark.parametrize(
    ("levels", "what"),
    [
        ("[{name: a, from: much}]", "below `a` there is a gap"),
        ("[{name: a}, {name: b}]", "`a` has no `from`"),
        ("[{name: a, from: much}, {name: b, from: more}, {name: c}]", "can never win"),
        ("[{name: a, from: much, keep: more}, {name: b}]", "`keep` of `a` is above its `from`"),
        ("[{name: a, from: often}, {name: b}]", "`often` is in orders"),
        ("[{name: a, from: nowhere}, {name: b}]", "no parameter `nowhere`"),
        ("[{name: a, from: much}, {name: a}]", "`a` stands twice"),
        ("[{name: a, from: much}, {name: unknown}]", "`unknown` is what a dimension is without"),
    ],
)
def test_levels_that_cannot_be(levels: str, what: str) -> None:
    text = HEAD.replace("[{name: high, from: much}, {name: low}]", levels)
    assert what in refused(text + TIERS % "orders() > 0")


@pytest.mark.parametrize(
    ("dimension", "what"),
    [
        ("{measure: profile.city, levels: [{name: a}]}", "'profile.city' measures nothing"),
        ("{measure: 5, levels: [{name: a}]}", "`measure` must be a text"),
        ("{first_match: [{name: a, when: orders() > 0}]}", "after `a` there is a gap"),
        (
            "{first_match: [{name: a, otherwise: true}, {name: b, otherwise: true}]}",
            "what follows `a` can never win",
        ),
        ("{first_match: [{name: a}]}", "either `when: …` or `otherwise: true`"),
        (
            "{declared: orders(), first_match: [{name: a, otherwise: true}]}",
            "'orders()' cannot declare a category",
        ),
    ],
)
def test_dimensions_that_cannot_be(dimension: str, what: str) -> None:
    text = HEAD.replace("  worth:", f"  other: {dimension}\n  worth:")
    assert what in refused(text + TIERS % "orders() > 0")


def test_dimensions_are_concluded_after_those_that_they_name() -> None:
    first = "  early:\n    first_match:\n      - {name: a, when: segment.worth == 'high'}\n"
    first += "      - {name: b, otherwise: true}\n  worth:"
    found = compile_book(HEAD.replace("  worth:", first) + TIERS % "segment.early == 'a'")
    assert [dimension.name for dimension in found.dimensions] == ["early", "worth"]
    assert found.rules.order == (1, 0)


def test_dimensions_that_name_each_other_are_refused() -> None:
    loop = "    only_if: segment.worth == 'low'\n"
    assert "dimensions name each other: worth → worth" in refused(
        HEAD + loop + TIERS % "orders() > 0"
    )


@pytest.mark.parametrize(
    ("ladder", "what"),
    [
        ("[{name: a, qualify: orders() > 0}]", "the lowest tier, `a`, cannot have conditions"),
        ("[{name: a}, {name: b}]", "the tier `b` has no `qualify`"),
        ("[{name: a}, {name: a, qualify: orders() > 0}]", "`a` stands twice"),
    ],
)
def test_ladders_that_cannot_be(ladder: str, what: str) -> None:
    assert what in refused(HEAD + f"tiers: {{ladder: {ladder}}}")


@pytest.mark.parametrize(
    "more",
    [
        "tiers: {ladder: [{name: old}, {name: new, was: [old], qualify: orders() > 0}]}",
        "tiers: {ladder: [{name: a, was: [old]}, {name: b, was: [old], qualify: orders() > 0}]}",
        "policies: {old: {while: orders() > 0}, new: {was: [old], while: orders() > 1}}",
        "actions: {new: {was: [old], when: orders() > 1}, old: {when: orders() > 0}}",
        "groups: {old: {when: orders() > 0}, new: {was: [old], when: orders() > 1}}",
        (
            "dimensions: {d: {first_match: [{name: old, when: orders() > 0}, "
            "{name: new, was: [old], otherwise: true}]}}"
        ),
        (
            "dimensions: {d: {all_matches: [{name: a, was: [old], when: orders() > 0}, "
            "{name: b, was: [old], when: orders() > 1}]}}"
        ),
        (
            "dimensions: {d: {measure: orders(), levels: [{name: new, was: [old], from: often}, "
            "{name: old}]}}"
        ),
        "dimensions: {old: {value_of: profile.city}, new: {was: [old], value_of: profile.country}}",
    ],
)
def test_a_former_name_that_somebody_else_bears_is_refused(more: str) -> None:
    # Whoever had it could be carried over to either; which, nobody would have said.
    section, _ = more.split(":", 1)
    head = HEAD.split("dimensions:", maxsplit=1)[0] if section == "dimensions" else HEAD
    tiers = "" if section == "tiers" else TIERS % "orders() > 0"
    message = refused(head + tiers + more)
    assert "`old` is, or was, the name of `" in message
    assert "leave it out here" in message


def _chain(links: int) -> str:
    groups = "".join(f"  g{n}: {{when: group.g{n - 1} == 'out'}}\n" for n in range(1, links))
    return HEAD + TIERS % "orders() > 0" + "groups:\n  g0: {when: orders() > 0}\n" + groups


def test_a_chain_is_as_long_as_can_be_explained() -> None:
    long = compile_book(_chain(37), "shop.yaml")
    seen = View(long, CustomerState(), 0, None, NOTHING_GIVEN)
    assert seen.category("group.g36") == "out"
    message = refused(_chain(190))
    assert "this rests on too long a chain of dimensions" in message
    assert message.count("hint:") == 1


def test_two_former_names_may_have_become_one() -> None:
    ladder = "[{name: base}, {name: good, was: [silver, gold, good], qualify: orders() > 0}]"
    assert compile_book(HEAD + f"tiers: {{ladder: {ladder}}}", "shop.yaml").tiers[1].was == (
        *("silver", "gold", "good"),
    )


@pytest.mark.parametrize(
    ("expect", "what"),
    [
        ("{tier: goood}", "did you mean good?"),
        ("{segment: {worthy: high}}", "did you mean worth?"),
        ("{segment: {worth: higher}}", "did you mean high?"),
        ("{changes: {tier: [base, best]}}", "`best` is not known here"),
        ("{band: high}", "`high` is not known here"),
    ],
)
def test_examples_expect_only_what_can_be(expect: str, what: str) -> None:
    example = f"examples:\n  - name: x\n    story:\n      - {{at: 2026-01-05, expect: {expect}}}\n"
    message = refused(HEAD + TIERS % "orders() > 0" + example)
    assert message.startswith("shop.yaml:22: ")
    assert what in message


def test_one_mistake_in_a_measure_is_one_finding() -> None:
    message = refused(HEAD.replace("spend(days=90)", "spent()") + TIERS % "orders() > 0")
    assert message.count("shop.yaml:") == 1
