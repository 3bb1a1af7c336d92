"""The lint: what is hardly meant is refused, or advised against, with file, line and hint."""

from __future__ import annotations

import pytest

from rules.compiler.compile import compile_book
from rules.language.document import Finding
from tests.rules.test_check import refused

HEAD = """\
rulebook: shop
version: 1
zone: UTC
currency: GBP
personal: [age]
parameters:
  some: {value: 100, unit: GBP, why: test}
  much: {value: 200, unit: GBP, why: test}
  more: {value: 300, unit: GBP, why: test}
  few: {value: 2, unit: orders, why: test}
  often: {value: 5, unit: orders, why: test}
  enough: {value: 50, unit: score, why: test}
  percent: {value: 30, unit: share, why: test}
  debt: {value: -5, unit: GBP, why: test}
"""
LADDER = "tiers: {ladder: [{name: base}, {name: good, qualify: orders() > 0}]}\n"
CASES = "dimensions:\n  d:\n    %s:\n"


def cases(construct: str, *whens: str, otherwise: bool = True) -> str:
    lines = [f'      - {{name: c{i}, when: "{when}"}}\n' for i, when in enumerate(whens)]
    last = ["      - {name: rest, otherwise: true}\n"] if otherwise else []
    return HEAD + LADDER + CASES % construct + "".join([*lines, *last])


def ladder(*tiers: str, timing: str = "") -> str:
    lines = "".join(f"    - {{{tier}}}\n" for tier in ("name: base", *tiers))
    return HEAD + f"tiers:\n{timing}  ladder:\n{lines}"


def advice(text: str, file: str = "rulebook.yaml") -> tuple[Finding, ...]:
    """Return the warnings but for those about parameters: no rulebook here reads all of them."""
    warnings = compile_book(text, file).warnings
    return tuple(warning for warning in warnings if not warning.what.startswith("no rule reads"))


@pytest.mark.parametrize(
    ("whens", "place"),
    [
        (("spend(days=90) >= some", "spend(days=90) >= much"), 1),
        (("orders() > 0", "orders() >= few and spend() > some"), 1),
        (("orders() > 0 or spend() > some", "spend() > much"), 1),
        (("spend() < much", "spend() >= much", "orders() > 0"), 2),
        (("spend() <= much", "spend() > some"), 2),  # the two leave nothing for the rest
        (("orders() >= 0",), 1),
        (("profile.industry in ('a', 'b')", "profile.industry == 'a'"), 1),
        (("profile.industry != 'a'", "profile.industry == 'a'"), 2),
    ],
)
def test_a_case_that_can_never_win(whens: tuple[str, ...], place: int) -> None:
    message = refused(cases("first_match", *whens))
    assert message.startswith(f"shop.yaml:{19 + place}: "), message
    assert "can never win" in message
    assert "put the narrower case first" in message


@pytest.mark.parametrize(
    "when",
    [
        "spend() > much and spend() < some",
        "spend() < 0",
        "return_ratio() > 1",
        "profile.industry == 'a' and profile.industry == 'b'",
        "orders() > few and orders() <= few",
    ],
)
def test_what_can_never_be_true(when: str) -> None:
    assert "shop.yaml:19: this can never be true" in refused(cases("first_match", when))
    group = f'groups:\n  g: "{when}"\n'
    assert "shop.yaml:17: this can never be true" in refused(HEAD + LADDER + group)
    score = f'scores:\n  s: [{{points: 9, if: "{when}"}}]\n'
    assert "shop.yaml:17: this can never be true" in refused(HEAD + LADDER + score)
    stages = f'lifecycle: {{new_for: 9d, churned_after: 90d, loyal: "{when}"}}\n'
    assert "shop.yaml:16: this can never be true" in refused(HEAD + LADDER + stages)
    policy = f'policies:\n  p: {{while: "{when}"}}\n'
    assert "shop.yaml:17: this can never be true" in refused(HEAD + LADDER + policy)
    action = f'actions:\n  a: {{every: 9d, while: "{when}"}}\n'
    assert "shop.yaml:17: this can never be true" in refused(HEAD + LADDER + action)
    tier = f'name: good, qualify: "{when}"'
    assert "this can never be true" in refused(ladder(tier))


@pytest.mark.parametrize(
    ("when", "what", "hint"),
    [
        ("share('custom') >= percent", "share(of='custom') can never be percent", "30% is 0.3"),
        ("percent < return_ratio()", "return_ratio() can never be percent", "between 0 and 1"),
        ("spend(days=90) > debt", "spend(days=90) can never be debt", "it is never below 0"),
        ("score.kind >= enough", "score.kind can never be enough", "between -10 and 40"),
    ],
)
def test_a_bound_beyond_what_a_fact_can_be(when: str, what: str, hint: str) -> None:
    given = "scores:\n  kind:\n    - {points: 40, if: orders() > 0}\n"
    given += "    - {points: -10, if: spend() > some}\n"
    message = refused(cases("first_match", when) + given)
    assert message.startswith(f"shop.yaml:19: {what}\n    hint: "), message
    assert hint in message
    inverse = f"scores:\n  other:\n    - {{points: 1, if: not {when}}}\n"
    assert what in refused(cases("first_match", "orders() > 0") + given.replace("scores:", inverse))


def levels(measure: str, *bounds: str, more: str = "") -> str:
    names = [f"      - {{name: l{i}, from: {bound}}}\n" for i, bound in enumerate(bounds)]
    head = f"dimensions:\n  d:\n    measure: {measure}\n{more}    levels:\n"
    return HEAD + LADDER + head + "".join(names) + "      - {name: rest}\n"


@pytest.mark.parametrize(
    ("measure", "bounds", "what"),
    [
        ("share('custom')", ("percent",), "20: `l0` can never win: the measure does not come"),
        ("score.kind", ("enough",), "20: `l0` can never win: the measure does not come"),
        ("orders()", ("often", "0"), "21: `rest` can never win: `l1` takes everybody"),
        ("spend()", ("some", "debt"), "21: `rest` can never win: `l1` takes everybody"),
    ],
)
def test_a_level_that_can_never_win(measure: str, bounds: tuple[str, ...], what: str) -> None:
    given = "scores:\n  kind: [{points: 40, if: orders() > 0}]\n"
    message = refused(levels(measure, *bounds) + given)
    assert message.startswith(f"shop.yaml:{what}"), message
    # Whoever declares a level has it whatever is measured.
    declared = levels(measure, *bounds, more="    declared: profile.scale\n") + given
    assert advice(declared) == ()


def test_levels_that_can_win_pass() -> None:
    for measure, bounds in (
        ("share('custom')", ("1",)),
        ("spend(days=30) / spend(days=90)", ("percent",)),
        ("margin()", ("some", "0", "debt")),
        ("nps()", ("enough", "0")),
    ):
        assert advice(levels(measure, *bounds)) == ()


@pytest.mark.parametrize(
    "whens",
    [
        ("spend(days=90) >= much", "spend(days=90) >= some"),
        ("orders() == 0", "days_since_purchase() > 1"),
        ("spend() >= some", "orders() > few"),
        ("nps() > 0", "nps() < 0"),
        ("spend() > some and orders() < often", "orders() < often"),
        ("spend(days=90) >= some", "spend(days=30) >= some"),
        ("spend() != some", "spend() == some"),
    ],
)
def test_cases_that_can_win_pass(whens: tuple[str, ...]) -> None:
    assert advice(cases("first_match", *whens)) == ()


def test_an_overlap_of_two_cases_is_advised_against() -> None:
    first, second = "spend() >= some and spend() < more", "spend() >= much"
    (warning,) = advice(cases("first_match", first, second), "shop.yaml")
    assert (warning.file, warning.line) == ("shop.yaml", 20)
    assert warning.what == "`c1` and `c0` overlap on spend(); `c0` wins there"
    assert "ends" in warning.hint


def test_a_gap_between_ranges_is_advised_against() -> None:
    whens = "spend() < some", "spend() >= much"
    (warning,) = advice(cases("all_matches", *whens, otherwise=False))
    assert "between 10000 and 20000 of spend() no category holds" in warning.what
    assert advice(cases("all_matches", *whens)) == ()


def test_a_tier_that_is_skipped_by_everybody() -> None:
    message = refused(
        ladder("name: silver, qualify: spend() >= much", "name: gold, qualify: spend() >= some")
    )
    assert message.startswith("shop.yaml:18: whoever reaches `silver` reaches `gold` at once")


def test_a_tier_that_is_harder_to_keep_than_to_reach() -> None:
    tier = 'name: silver, qualify: "spend() >= some and orders() > 0", keep: spend() >= much'
    assert "shop.yaml:18: `keep` asks for more than `qualify`: spend()" in refused(ladder(tier))


def test_one_step_needs_time_in_the_middle() -> None:
    tiers = "name: silver, qualify: spend() >= some", "name: gold, qualify: spend() >= much"
    message = refused(ladder(*tiers, timing="  downgrade: one_step\n"))
    assert message.startswith("shop.yaml:19: under `one_step`, who falls to `silver`")
    slow = (tiers[0] + ", grace: 7d", tiers[1])
    assert compile_book(ladder(*slow, timing="  downgrade: one_step\n")).timing.downgrade


@pytest.mark.parametrize(
    "qualify",
    [
        "orders() >= 0",
        "spend() >= some or not spend() >= some",
        "orders() < 1 or orders() > 0 or orders() >= 1",
    ],
)
def test_a_tier_that_everybody_reaches_is_advised_against(qualify: str) -> None:
    tier = f'name: silver, qualify: "{qualify}"'
    (warning,) = advice(ladder(tier))
    assert (warning.line, warning.what) == (
        *(18, "everybody reaches `silver` at once: this is always true"),
    )
    # Before the first review they stand below it.
    later = "  review: yearly\n  upgrade: review\n"
    assert advice(ladder(tier, timing=later)) == ()


@pytest.mark.parametrize(
    "qualify",
    [
        "nps() >= enough or nps() < enough",  # who has answered
        "spend() / orders() >= some or spend() / orders() < some",  # who has ordered
        "profile.city == 'a' or profile.city != 'a'",
        "spend(days=9) >= some or spend(days=90) < some",
    ],
)
def test_a_tier_that_not_everybody_reaches_passes(qualify: str) -> None:
    assert advice(ladder(f'name: silver, qualify: "{qualify}"')) == ()


@pytest.mark.parametrize(
    ("keep", "what"),
    [
        ("orders() < 0", "can never be true: it keeps nobody"),
        ("orders() >= 0", "is always true: nobody loses the tier"),
        ("nps() >= enough or nps() < enough", "is always true: nobody loses the tier"),
    ],
)
def test_a_keep_that_does_not_matter_is_advised_against(keep: str, what: str) -> None:
    tier = f'name: silver, qualify: spend() >= some, keep: "{keep}"'
    (warning,) = advice(ladder(tier))
    assert (warning.line, warning.what) == (18, f"`keep` of `silver` {what}")


@pytest.mark.parametrize(
    ("review", "longest"), [("monthly", 31), ("quarterly", 92), ("anniversary of joining", 366)]
)
def test_a_warning_longer_than_the_time_between_reviews(review: str, longest: int) -> None:
    timing = f"  review: {review}\n"
    tier = "name: silver, qualify: spend() >= some, warn: %dd"
    assert advice(ladder(tier % longest, timing=timing)) == ()
    (warning,) = advice(ladder(tier % (longest + 1), timing=timing))
    assert (warning.line, warning.hint) == (19, f"write at most warn: {longest}d")


def test_a_refund_in_grace_is_advised_against() -> None:
    tier = "name: silver, qualify: spend() >= some, grace: 7d"
    (warning,) = advice(ladder(tier, timing="  refund: grace\n"))
    assert "send it back" in warning.what
    assert advice(ladder(tier)) == ()


def test_a_tier_on_a_spendable_balance_is_advised_against() -> None:
    tier = "name: silver,\n      qualify: score.points_balance >= enough"
    (warning,) = advice(ladder(tier))
    assert "who redeems points would lose it" in warning.what
    assert advice(ladder("name: silver, qualify: score.model >= enough")) == ()


@pytest.mark.parametrize("name", ["profile.birth_date", "'birth_date'"])
def test_a_birthday_is_personal_however_it_is_called(name: str) -> None:
    text = cases("first_match", f"days_since({name}) > 1", "orders() > 0")
    assert "is personal" in refused(text.replace("[age]", "[gender]"))


def test_personal_attributes_are_declared() -> None:
    text = cases("first_match", "profile.gender == 'female'", "age() > 1")
    message = refused(text)
    assert "shop.yaml:19: profile.gender is personal" in message
    assert "add `personal: [gender]`" in message
    assert advice(text.replace("[age]", "[age, gender]")) == ()
    assert "is no personal attribute" in refused(text.replace("[age]", "[ages]"))


def test_too_many_rules() -> None:
    groups = "".join(f"  g{i}: orders() > 0\n" for i in range(200))
    message = refused(HEAD + LADDER + "groups:\n" + groups)
    assert "shop.yaml:1: the rulebook has 202 rules; 200 are allowed" in message
