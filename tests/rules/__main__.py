"""`python -m tests.rules --pairs N [--seed S] [--json]`: the laws of rulebooks, on generated pairs.

Each pair is a rulebook with every construct of the language and a customer's history; each law has
to hold of it. A failing seed reproduces its pairs exactly: run it again with `--pairs 1 --seed S`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from os import cpu_count
from typing import NamedTuple

from hypothesis import HealthCheck, given, seed, settings

from deploy.local.arguments import positive
from tests.rules.laws import LAWS, Pair, pairs

_PAIRS = 50  # of a seed
_AHEAD = 4  # chunks per process that are handed out at a time
_SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


class Tried(NamedTuple):
    """The pairs of one seed: how many there were, and the smallest that breaks a law."""

    seed: int
    pairs: int
    failure: str | None


def tried(number: int) -> Tried:
    """Hold the laws against the pairs of a seed."""
    kept = 0

    @seed(number)
    @settings(max_examples=_PAIRS, deadline=None, database=None, suppress_health_check=_SLOW)
    @given(pairs())
    def hold(pair: Pair) -> None:
        nonlocal kept
        for law in LAWS:
            law(pair)
        kept += 1

    try:
        hold()
    except Exception as error:  # noqa: BLE001 - whatever a law meets is told, with its pair
        notes = "\n".join(getattr(error, "__notes__", ()))
        return Tried(number, kept, f"{type(error).__name__}: {error}\n{notes}")
    return Tried(number, kept, None)


def main() -> int:
    """Try as many pairs as were asked for; return 1 if one breaks a law."""
    parser = argparse.ArgumentParser(prog="laws", description=__doc__)
    parser.add_argument("--pairs", type=positive, default=400, help="how many, at least")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    arguments = parser.parse_args()
    began = time.monotonic()
    done, failed = 0, 0
    for each in _until(arguments.pairs, arguments.seed):
        done += each.pairs
        if each.failure is not None:
            failed += 1
            _say(f"seed {each.seed} FAILED: {each.failure}")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{arguments.pairs} pairs")
    seconds = time.monotonic() - began
    names = ", ".join(law.__name__.replace("_", " ") for law in LAWS)
    _say(f"{done} pairs in {seconds:.0f} s: {names}; {failed} seeds failed")
    if arguments.json:
        _say(json.dumps({"pairs": done, "failed": failed, "seconds": round(seconds, 1)}))
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _until(wanted: int, first: int) -> Iterable[Tried]:
    """Yield the outcome of seed after seed, until enough pairs were tried."""
    processes, seeds, done = cpu_count() or 1, count(first), 0
    with ProcessPoolExecutor(processes) as pool:
        while done < wanted:
            lacking = -(-(wanted - done) // _PAIRS)
            for each in pool.map(tried, islice(seeds, min(lacking, processes * _AHEAD))):
                done += each.pairs
                yield each


if __name__ == "__main__":
    sys.exit(main())
