"""The lint of actions: never asked for, at every event, or not as often as they say."""

from __future__ import annotations

import pytest

from rules.compiler.compile import compile_book
from tests.rules.test_check import refused
from tests.rules.test_lint import HEAD, LADDER, advice

DIMENSIONS = """\
dimensions:
  one: {first_match: [{name: a, when: orders() > 0}, {name: b, otherwise: true}]}
  many: {all_matches: [{name: x, when: orders() > 0}, {name: y, when: orders() > few}]}
"""
SEVERE = "happened('complaint', severity_from='high')"


def asking(action: str) -> str:
    return f"{HEAD}{LADDER}actions:\n  call: {{{action}}}\n{DIMENSIONS}"


@pytest.mark.parametrize(
    "when",
    ["happened('purchase')", "happened('engagement') or entered(tier, 'good')"],
)
def test_an_action_at_every_event_is_refused(when: str) -> None:
    action = f'actions:\n  call: {{when: "{when}"}}\n'
    assert "shop.yaml:17: `call` would be asked for at every event" in refused(
        HEAD + LADDER + action
    )
    calm = f'actions:\n  call: {{when: "{when}", cooldown: 1h}}\n'
    assert compile_book(HEAD + LADDER + calm).actions[0].momentary


@pytest.mark.parametrize(
    "when",
    [
        "happened('complaint') and happened('purchase')",
        "happened('complaint', type='delivery') and happened('complaint', type='billing')",
        "entered(tier, 'good') and tier == 'base'",
        "entered(tier, 'good') and left(tier, 'good')",
        "entered(segment.one, 'a') and entered(segment.one, 'b')",
        "left(segment.many, 'x') and has(segment.many, 'x')",
    ],
)
def test_a_moment_that_never_comes_is_refused(when: str) -> None:
    message = refused(asking(f'when: "{when}"'))
    assert message.startswith("shop.yaml:17: this can never be true\n")
    assert "one event and one category" in message


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("entered(tier, 'good')", "tier == 'base'"),
        ("left(segment.one, 'a')", "segment.one == 'a'"),
        ("orders() >= often", "orders() < often and tier == 'good'"),
    ],
)
def test_a_moment_that_excludes_its_condition_is_refused(when: str, condition: str) -> None:
    message = refused(asking(f'when: "{when}", while: "{condition}"'))
    assert message.startswith("shop.yaml:17: `when` and `while` of `call` can never be true toge")


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("entered(tier, 'good')", "tier == 'good'"),
        ("left(tier, 'base')", "tier != 'base'"),
        ("entered(segment.many, 'x') and entered(segment.many, 'y')", "segment.one == 'a'"),
        ("happened('complaint') or happened('refund')", "tier == 'base'"),
        ("happened('complaint') and entered(segment.one, 'b')", "tier == 'base'"),
        (f"happened('complaint', severity_from='low') and {SEVERE}", "tier == 'base'"),
    ],
)
def test_moments_that_come_pass(when: str, condition: str) -> None:
    assert advice(asking(f'when: "{when}", while: "{condition}"')) == ()


def test_a_cooldown_longer_than_the_repetition_is_advised_against() -> None:
    (warning,) = advice(asking("every: 30d, cooldown: 31d"))
    assert warning.what == "`call` is not asked for every 30d: its cooldown is longer"
    assert warning.line == 17
    for calm in ("30d", "36h", "0d"):
        assert advice(asking(f"every: 30d, cooldown: {calm}")) == ()
