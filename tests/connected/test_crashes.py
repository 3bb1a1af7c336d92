"""A short dose of what `dev.py faults` does at length: killed under load, and nothing is lost.

The services are this module's own, since they are killed too.
"""

import logging
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.rows import Row, flush_store, kill_at_steps, kill_broker, kill_customers
from tests.faults.run import Ground, ground
from tests.faults.scene import Load
from tests.faults.steps import Step

SEED = 20_11
EVENTS_PER_S = 500.0
HARDEST = (Step.CLAIMED, Step.RESTORED, Step.SENT, Step.COMMITTED, Step.APPLIED)

ROWS = (
    Row("broker", kill_broker, full=1, quick=1),  # first: it has little to recover yet
    Row("customers", kill_customers, full=1, quick=1),
    Row("steps", partial(kill_at_steps, steps=HARDEST), full=1, quick=1),
    Row("store", flush_store, full=1, quick=1),
)


@pytest.fixture(scope="module")
def own() -> Iterator[Ground]:
    """Services that may be killed."""
    with ground("crashes") as made:
        yield made


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What aiokafka says of a dead broker would hide what a failure says."""
    caplog.set_level(logging.CRITICAL, logger="aiokafka")


@pytest.mark.timeout(300)  # a broker that was killed takes its time on a busy machine
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_nothing_is_lost_repeated_or_different(own: Ground, row: Row) -> None:
    happened: list[str] = []
    outcome = await own.run(
        row, row.quick, Load(SEED, EVENTS_PER_S, row.poison_share), happened.append
    )
    assert outcome.findings.clean, "\n".join([*outcome.findings.notes, *happened])
    assert outcome.published > EVENTS_PER_S
    assert len(outcome.resumed_s) >= row.quick
