"""`python -m tests.churn.ways`: what was tried to do better than MBG/NBD alone, and what helped.

On the Online Retail year, 13 weeks ahead, at sixteen weekly cuts from 27 May to 9 September 2011;
each figure is the mean of all, then that of the last alone, which other studies use too.

    AUC of rankings                               ECE, Brier of risks told on the day
    days since the last purchase  0.685  0.683    as fitted                0.056 0.2050  0.111 0.217
    few purchases                 0.733  0.723    fitted to newcomers      0.077 0.2086  0.151 0.226
    MBG/NBD                       0.747  0.734    fitted to two cohorts    0.062 0.2051  0.119 0.217
    by expected purchases         0.741  0.730    Platt, all matured weeks 0.041 0.2036  0.059 0.208
    Pareto/NBD                    0.746  0.733    weeks count alike        0.041 0.2036  0.055 0.208
    by expected purchases         0.741  0.729    a half-life of 4 weeks   0.043 0.2039  0.078 0.211
    MBG/NBD of two cohorts        0.749  0.737    newest week              0.048 0.2047  0.107 0.216
    MBG/NBD of each quarter       0.747  0.738    a shift, all weeks       0.042 0.2036  0.056 0.208
    with labels: any return       0.747  0.738    isotonic, all weeks      0.055 0.2066  0.069 0.213
    with labels: share returned   0.750  0.740    isotonic, half the way   0.048 0.2044  0.090 0.214
    with labels: amount           0.754  0.737    Platt, of 28 days        0.049 0.2047  0.081 0.213
    with labels: history          0.757  0.742    horizon stretched        0.051 0.2044  0.101 0.215
    with labels: both             0.759  0.745    (a shift, afterwards)    0.022 0.2014  0.027 0.205

Ranking: another model of the same three numbers changes nothing, for nobody can be shown to have
left here and both become NBD. Cohorts of their own help by 0.003 and cost calibration. What helps
is to know more than three numbers, and labels: what a purchase day brings, and its share sent back.

Calibration: Platt's, with every matured week, does best, and is what `churn fit --calibrate` does.
The rest of the error is not to be had that day. Of those scored on 10 June 52 % churned, of those
on 9 September 43 %: in autumn a wholesaler of gifts sells for Christmas, and the data hold no
earlier autumn. Labels of the weeks before, however young, tell of summer. The last line shows what
a single number, known only afterwards, would do.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from models.calendar import day_number
from models.churn import MbgNbd
from models.churn_fit import fit
from models.churn_forecast import expected_purchases, risk
from models.churn_history import Flags, Floats, Ints, Purchases, Snapshot, churned, snapshot
from models.churn_labels import (
    Matured,
    _fit_isotonic,
    _log_odds,
    _sigmoid,
    corrected,
    features,
    fit_logistic,
)
from models.churn_quality import auc, log_loss, quality
from models.churn_watch import matured
from tests.churn import pareto
from tests.churn.data import RETAIL_CUT, RETAIL_FILE, online_retail

HORIZON_DAYS = 91
CUTS = tuple(range(RETAIL_CUT - 15 * 7, RETAIL_CUT + 1, 7))
_SHORT_DAYS = 28
_FIRST_SEEN_DAYS = 42  # who is seen this early had most likely bought before the data begin
_QUARTER_DAYS = 91
_HALF_YEAR_DAYS = 182
_HALF_LIFE_DAYS = 28
_COHORT_MIN = 100
_FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A day of the Online Retail year: what was known on it, and what came in the quarter after."""

    known: Purchases
    taken: Snapshot
    happened: Flags
    model: MbgNbd
    risk: Floats
    past: list[Matured]

    @classmethod
    def on(cls, day: int) -> Cut:
        """Fit on a day."""
        purchases = online_retail()
        known, taken = purchases.until(day), snapshot(purchases, day)
        model = fit(taken.histories).model
        said = risk(model, taken.histories, HORIZON_DAYS)
        happened = churned(purchases, taken, HORIZON_DAYS)
        return cls(known, taken, happened, model, said, matured(known, model, HORIZON_DAYS, day))


def rankings(cut: Cut) -> Iterator[tuple[str, Floats]]:
    """Yield scores that should put churners first, by how they were come by."""
    histories = cut.taken.histories
    silence = histories.age_days - histories.last_age_days
    yield "days since the last purchase", silence.astype(np.float64)
    yield "few purchases", -histories.repeats.astype(np.float64)
    yield "MBG/NBD", cut.risk
    yield "MBG/NBD, purchases", -expected_purchases(cut.model, histories, HORIZON_DAYS)
    model = pareto.fit(histories)
    yield "Pareto/NBD", pareto.risk(model, histories, HORIZON_DAYS)
    yield "Pareto/NBD, purchases", -pareto.expected_purchases(model, histories, HORIZON_DAYS)
    yield "MBG/NBD of two cohorts", by_cohort(cut, seen_after(cut) < _FIRST_SEEN_DAYS)
    yield "MBG/NBD of each quarter", by_cohort(cut, seen_after(cut) // _QUARTER_DAYS)
    rows, sent_back = features(cut.taken, cut.risk), returns(cut.taken)
    yield "with labels: any return", by_others(cut, np.column_stack([rows[:, 0], sent_back[:, 1]]))
    yield "with labels: share returned", by_others(cut, np.column_stack([rows[:, 0], sent_back]))
    yield "with labels: amount", by_others(cut, rows[:, [0, -1]])
    yield "with labels: history", by_others(cut, rows)
    yield "with labels: both", by_others(cut, np.column_stack([rows, sent_back]))


def calibrations(cut: Cut) -> Iterator[tuple[str, Floats]]:
    """Yield risks that were to be told on the day, and as the last one what only others knew."""
    odds, histories = _log_odds(cut.risk), cut.taken.histories
    yield "as fitted", cut.risk
    yield "fitted to half a year's newcomers", by_newcomers(cut)
    yield "fitted to two cohorts", by_cohort(cut, seen_after(cut) < _FIRST_SEEN_DAYS)
    past = np.concatenate([_log_odds(each.risk) for each in cut.past])
    labels = np.concatenate([each.churned for each in cut.past])
    counts = [len(each.risk) for each in cut.past]
    age_days = cut.past[-1].day - np.repeat([each.day for each in cut.past], counts)
    alike = np.ones(len(past))
    newest = np.where(age_days == 0, 1.0, 0.0)
    fading = 0.5 ** (age_days / _HALF_LIFE_DAYS)
    yield "Platt, all matured weeks", platt(past, labels, alike)(odds)
    yield "Platt, weeks count alike", platt(past, labels, 1.0 / np.repeat(counts, counts))(odds)
    yield "Platt, a half-life of 4 weeks", platt(past, labels, fading)(odds)
    yield "Platt, newest week", platt(past, labels, newest)(odds)
    yield "a shift, all weeks", platt(past, labels, alike, shift_only=True)(odds)
    yield "a shift, newest week", platt(past, labels, newest, shift_only=True)(odds)
    isotonic = corrected(_fit_isotonic(_sigmoid(past), labels), odds[:, None])
    yield "isotonic, all weeks", isotonic
    yield "isotonic, half of the way", (isotonic + cut.risk) / 2.0
    day = cut.taken.day
    short = matured(cut.known, cut.model, _SHORT_DAYS, day, weeks=4)
    soon = np.concatenate([_log_odds(each.risk) for each in short])
    came = np.concatenate([each.churned for each in short])
    yield "Platt, of 28 days", platt(soon, came, np.ones(len(soon)))(odds)
    yield "horizon stretched by 28 days'", risk(cut.model, histories, HORIZON_DAYS * pace(cut))
    after = platt(odds, cut.happened, np.ones(len(odds)), shift_only=True)
    yield "(a shift learned afterwards)", after(odds)


def seen_after(cut: Cut) -> Ints:
    """Return how many days after the data begin each customer was first seen."""
    first = cut.taken.day - cut.taken.histories.age_days
    return first - int(cut.known.day.min())


def by_cohort(cut: Cut, cohort: Ints | Flags) -> Floats:
    """Fit each cohort for itself; the small ones stay with all."""
    said, histories = cut.risk.copy(), cut.taken.histories
    for each in np.unique(cohort):
        inside = cohort == each
        if int(inside.sum()) >= _COHORT_MIN:
            own = histories.take(inside)
            said[inside] = risk(fit(own).model, own, HORIZON_DAYS)
    return said


def by_newcomers(cut: Cut) -> Floats:
    """Fit to those first seen in the last half year, and score everybody."""
    histories = cut.taken.histories
    newcomers = histories.take(histories.age_days <= _HALF_YEAR_DAYS)
    return risk(fit(newcomers).model, histories, HORIZON_DAYS)


def by_others(cut: Cut, rows: Floats) -> Floats:
    """Return each customer's risk by what rows and labels of the other four fifths taught."""
    fold = np.arange(len(rows)) % _FOLDS
    said = np.zeros(len(rows))
    for each in range(_FOLDS):
        held = fold == each
        intercept, weights = fit_logistic(rows[~held], cut.happened[~held])
        said[held] = _sigmoid(intercept + np.sum(rows[held] * weights, axis=1))
    return said


def platt(
    log_odds: Floats, labels: Flags, weight: Floats, *, shift_only: bool = False
) -> Callable[[Floats], Floats]:
    """Learn a calibration from weighted labels; `shift_only`: the slope stays 1."""

    def descent(line: Floats) -> tuple[float, Floats]:
        odds = line[0] + line[1] * log_odds
        off = weight * (_sigmoid(odds) - labels)
        loss = float(np.sum(weight * (np.logaddexp(0.0, odds) - labels * odds)))
        slope = np.array([off.sum(), 0.0 if shift_only else np.sum(off * log_odds)])
        return loss / weight.sum(), slope / weight.sum()

    found = minimize(descent, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B").x
    return lambda odds: _sigmoid(found[0] + found[1] * odds)


def pace(cut: Cut) -> float:
    """Return how much faster time has gone of late: the stretch that fits four short horizons."""
    known = [snapshot(cut.known, cut.taken.day - _SHORT_DAYS - 7 * back) for back in range(4)]
    labels = np.concatenate([churned(cut.known, each, _SHORT_DAYS) for each in known])

    def loss(log_pace: float) -> float:
        days = _SHORT_DAYS * float(np.exp(log_pace))
        said = [risk(cut.model, each.histories, days) for each in known]
        return log_loss(np.concatenate(said), labels)

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def returns(taken: Snapshot) -> Floats:
    """Return of each customer what she had sent back, as a share of what she bought, and whether.

    The share is at most 2: who returns what she bought before the data begin has no other limit.
    """
    customer, day, amount, customers = _returned()
    known = day <= taken.day
    total = np.bincount(customer[known], amount[known], customers)[taken.customer]
    bought = taken.mean_amount * (taken.histories.repeats + 1)
    return np.column_stack([np.clip(total / np.maximum(bought, 1.0), 0.0, 2.0), total > 0.0])


@cache
def _returned() -> tuple[Ints, Ints, Floats, int]:
    """Customers (numbered as in `online_retail`), days and amounts of returns; all customers."""
    numbers: dict[str, int] = {}
    rows: list[tuple[int, int, int]] = []
    with gzip.open(RETAIL_FILE, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            number = numbers.setdefault(row["customer"], len(numbers))
            if (amount := int(row["amount_minor_gbp"])) < 0:
                day = day_number(date.fromisoformat(row["invoice_time"][:10]))
                rows.append((number, day, -amount))
    customer, day, amount = np.array(rows, np.int64).T
    return customer, day, amount.astype(np.float64), len(numbers)


def main() -> None:
    """Print both tables."""
    ranked: dict[str, list[float]] = {}
    told: dict[str, list[tuple[float, float]]] = {}
    for day in CUTS:
        cut = Cut.on(day)
        for name, score in rankings(cut):
            ranked.setdefault(name, []).append(auc(score, cut.happened) or 0.0)
        for name, said in calibrations(cut):
            found = quality(said, cut.happened)
            told.setdefault(name, []).append((found.ece, found.brier))
    for name, figures in ranked.items():
        sys.stdout.write(f"{name:34} {np.mean(figures):.3f}  {figures[-1]:.3f}\n")
    sys.stdout.write("\n")
    for name, pairs in told.items():
        ece, brier = np.mean(pairs, axis=0)
        last = "  ".join(f"{each:.3f}" for each in pairs[-1])
        sys.stdout.write(f"{name:34} {ece:.3f}  {brier:.4f}  {last}\n")


if __name__ == "__main__":
    main()
