"""What happens to a customer if nothing happens: her own timers, fired ahead of their time."""

from __future__ import annotations

from typing import NamedTuple

from models.customer import CustomerState, pack, unpack
from models.decisions import ActionRequested, AnyDecision
from rules.eras import Era
from rules.reduce import Reducer

_LOOKS_MAX = 100
_SAID_MAX = 5


class Ahead(NamedTuple):
    """The changes to come, earliest first; `quiet_until`: nothing more before it (None: ever)."""

    changes: list[AnyDecision]
    quiet_until: int | None


def by_itself(app: str, customer: str, state: CustomerState, era: Era) -> Ahead:
    """Return the next changes if nothing happens, as the reducer will tell them.

    A few changes, or as many as some looks ahead find; what is only to be done is left out.
    """
    ahead = unpack(pack(state))
    reducer = Reducer(app)
    reducer.eras = [era]
    said: list[AnyDecision] = []
    for _ in range(_LOOKS_MAX):
        if ahead.due is None or len(said) >= _SAID_MAX:
            break
        told: list[AnyDecision] = []
        reducer.catch_up(customer, ahead, ahead.due, told)
        said += [each for each in told if not isinstance(each, ActionRequested)]
    return Ahead(said[:_SAID_MAX], ahead.due)
