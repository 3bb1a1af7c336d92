"""The contest's result, for people (rows of the table) and for programs (figures by name)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.peers.contest import Score
from tests.bench.peers.entrants import QUIX

_Row = tuple[str, str, str]


def rows(scores: Sequence[Score]) -> Iterator[_Row]:
    """Return the table's rows, the fastest first."""
    for score in sorted(scores, key=lambda score: score.rate or 0.0, reverse=True):
        yield from _rows(score)
    for name, ratio in figures(scores).items():
        if ratio is not None:
            yield name, f"{ratio:.2f}", "medians"


def figures(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return Tierstream's best beside the best of the JVM, and beside Quix Streams exactly once.

    Rates: more is better. CPU an event (client, store and broker): less is better. None where one
    of the two did not run.
    """
    ours = [score for score in scores if score.entrant.kind == "tierstream"]
    jvm = [score for score in scores if score.entrant.kind == "jvm"]
    quix = [score for score in scores if score.entrant.name == QUIX]
    return {
        "ratio_best_jvm": _ratio(_fastest(ours), _fastest(jvm)),
        "ratio_quix_eos": _ratio(_fastest(ours), _fastest(quix)),
        "cpu_ratio_best_jvm": _ratio(_thriftiest(ours), _thriftiest(jvm)),
    }


def _fastest(scores: Sequence[Score]) -> float | None:
    return max((score.rate for score in scores if score.rate is not None), default=None)


def _thriftiest(scores: Sequence[Score]) -> float | None:
    return min((score.cpu_us for score in scores if score.cpu_us is not None), default=None)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else round(ours / theirs, 3)


def _rows(score: Score) -> Iterator[_Row]:
    entrant, runs = score.entrant, score.runs
    for failure in score.failures:
        yield entrant.name, "a run does not count", failure
    if not runs:
        return
    rates = [run.rate for run in runs]
    spread = f", {min(rates):,.0f} to {max(rates):,.0f}" if len(rates) > 1 else ""
    how = f"{entrant.guarantee}; {len(runs)} × {score.events:,} events{spread}"
    yield entrant.name, f"{median(rates):,.0f} events/s", how
    cpu = {part: median(run.cpu_us[part] for run in runs) for part in runs[0].cpu_us}
    named = ", ".join(f"{part} {used:.1f}" for part, used in cpu.items())
    foreign = median(run.foreign_cores for run in runs)
    rss = f"at most {median(run.rss_mb for run in runs):,.0f} MB"
    others = f"other programs kept {foreign:.2f} CPUs busy"
    yield "  CPU µs an event", named, f"together {score.cpu_us:.1f}; {rss}; {others}"
