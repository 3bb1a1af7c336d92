"""The simulation reaches nearly every line of the protocol.

What it leaves out is a shell's (the ticker's own loop), or is there for what the world does not do:
a rule that fails, a topic that refuses a record, the release of a source.
"""

from __future__ import annotations

import pytest

from tests.simulation.reach import lines_run, lines_to_run, texts
from tests.simulation.run import run

SEEDS = 150
SHARE_MAX = 0.1


def _run_seeds() -> None:
    for seed in range(SEEDS):
        assert not run(seed).failures


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nearly_every_line_is_reached() -> None:
    every = lines_to_run()
    missed = every - lines_run(_run_seeds)
    assert len(missed) < SHARE_MAX * len(every), "\n".join(texts(missed))
