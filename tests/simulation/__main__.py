"""`python -m tests.simulation --seeds N [--seed S] [--reach] [--json]`: run seeds, report failures.

Two thousand seeds and more have to meet every branch that is known (`branches`). A failing seed
reproduces its run exactly: run it again with `--seeds 1 --seed S`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from os import cpu_count

from deploy.local.arguments import positive
from deploy.local.processes import orderly_exit
from tests.simulation.branches import unmet
from tests.simulation.reach import lines_run, lines_to_run, texts
from tests.simulation.run import Verdict, run

_CHUNK = 25
_CTRL_C = 130
_TOLD_EVERY_S = 60.0  # where no terminal shows how far it is
_SHOWN_MAX = 20
_REACH_MAX = 300  # seeds that are run again, one after the other, to see what they reach


def _runs(seeds: range) -> list[tuple[int, Verdict]]:
    return [(seed, run(seed)) for seed in seeds]


def _tell_reach(seeds: range) -> float:
    """Print the protocol's lines that these seeds leave out; return the share of the others."""
    every = lines_to_run()
    missed = every - lines_run(partial(_runs, seeds))
    print(f"{len(missed)} of {len(every)} lines of the protocol are not reached by {seeds}:")
    print(*texts(missed), sep="\n")
    return round(1 - len(missed) / len(every), 4)


def main() -> int:
    """Run the seeds asked for; return 1 if one failed, or if many never met a branch."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=positive, default=2_000, help="how many runs")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--reach", action="store_true", help="tell which lines no seed reaches")
    arguments = parser.parse_args()
    first, count = arguments.seed, arguments.seeds
    began = time.monotonic()
    try:
        with orderly_exit():
            failed, faults = _run_all(range(first, first + count))
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return _CTRL_C
    rate = count / (time.monotonic() - began)
    print(f"\nfaults and branches met in {count} runs:")
    for name, times in sorted(faults.items()):
        print(f"  {times:>9,}  {name}")
    missing = unmet(faults, count)
    for name in missing:
        print(f"  NEVER MET  {name}: the runs show less than they seem to")
    print(f"{count} seeds from {first}: {len(failed)} failed, {rate:.0f} seeds/s")
    if failed:
        print(f"run one again: python3 deploy/dev.py simulate --seeds 1 --seed {failed[0]}")
    said = {"seeds": count, "failed": len(failed), "seeds_per_s": round(rate, 1)}
    if arguments.reach:
        said["lines_reached"] = _tell_reach(range(first, first + min(count, _REACH_MAX)))
    if arguments.json:
        print(json.dumps(said))
    return 1 if failed or missing else 0


def _run_all(seeds: range) -> tuple[list[int], Counter[str]]:
    """Run seeds on every processor, and tell how far it is; return who failed and what was met."""
    chunks = [seeds[i : i + _CHUNK] for i in range(0, len(seeds), _CHUNK)]
    told_s = time.monotonic()
    failed: list[int] = []
    faults: Counter[str] = Counter()
    done = 0
    # Ctrl-C reaches all processes of a terminal: one of them acts on it.
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(min(cpu_count() or 1, len(chunks)), initializer=ignore)
    try:
        for verdicts in pool.map(_runs, chunks):
            for seed, verdict in verdicts:
                done += 1
                faults.update(verdict.faults)
                if verdict.failures:
                    failed.append(seed)
                    if len(failed) <= _SHOWN_MAX:
                        print(f"seed {seed} FAILED: {'; '.join(verdict.failures)}", flush=True)
            if sys.stderr.isatty():
                print(f"\r{done}/{len(seeds)} seeds, {len(failed)} failed", end="", file=sys.stderr)
            elif time.monotonic() - told_s >= _TOLD_EVERY_S:
                told_s = time.monotonic()
                print(
                    f"{done}/{len(seeds)} seeds, {len(failed)} failed", file=sys.stderr, flush=True
                )
    finally:
        pool.shutdown(cancel_futures=True)  # what runs ends within a second or two
    return failed, faults


if __name__ == "__main__":
    sys.exit(main())
