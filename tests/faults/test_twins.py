"""Twins: the same facts under two names, and the judge that compares them."""

from models.customer import CustomerState, Facts, pack
from tests.faults.findings import Findings
from tests.faults.happenings import DAY_S, Happening
from tests.faults.twins import IN_ORDER, JUMBLED, judge_twins, renamed

NOW = 1_730_000_000
TOLD = Happening("customer.purchase.v1", b"customer-7", b'{"customer_id": "customer-7", "n": 1}')


def test_a_twin_has_another_name_in_key_and_value() -> None:
    assert renamed(TOLD, JUMBLED) == (
        TOLD.topic,
        b"jumbled-7",
        b'{"customer_id": "jumbled-7", "n": 1}',
    )


def state(purchase_days: int, era: int = 1) -> bytes:
    return pack(CustomerState(era=era, facts=Facts(purchase_days=purchase_days)))


def test_only_the_facts_of_twins_are_compared() -> None:
    findings = Findings()
    judge_twins(
        {
            IN_ORDER + b"-1": state(3),
            JUMBLED + b"-1": state(3, era=2),
            b"customer-1": state(9),
        },
        findings,
    )
    assert findings.clean


def test_what_is_too_old_may_be_left_with_one_of_the_twins() -> None:
    newest, old = NOW.to_bytes(4, "big") + b"new-----", (NOW - 40 * DAY_S).to_bytes(4, "big")
    findings = Findings()
    one = pack(CustomerState(seen=old + b"old-----" + newest))
    judge_twins(
        {IN_ORDER + b"-1": one, JUMBLED + b"-1": pack(CustomerState(seen=newest))}, findings
    )
    assert findings.clean
    recent = (NOW - 20 * DAY_S).to_bytes(4, "big") + b"recent--"
    other = pack(CustomerState(seen=recent + newest))
    judge_twins({IN_ORDER + b"-1": one, JUMBLED + b"-1": other}, findings)
    assert findings.differences == 1


def test_twins_with_other_facts_and_lone_ones_are_found() -> None:
    findings = Findings()
    judge_twins(
        {
            IN_ORDER + b"-1": state(3),
            JUMBLED + b"-1": state(4),
            JUMBLED + b"-2": state(1),
        },
        findings,
    )
    assert findings.differences == 2
