"""Customers who do what the model assumes, with parameters that are known."""

import numpy as np

from models.churn import Coins, MbgNbd
from models.churn_coins import Complainer, Grievance
from models.churn_history import Flags, Floats, Histories, Ints
from models.events import SEVERITIES


def population(
    model: MbgNbd, age_days: Ints, horizon_days: float, rng: np.random.Generator
) -> tuple[Histories, Flags]:
    """Simulate customers of the ages given; return their histories and who buys nothing after."""
    count = len(age_days)
    rate = rng.gamma(model.r, 1.0 / model.alpha_days, count)
    coin = rng.beta(model.a, model.b, count)
    repeats = np.zeros(count, np.int64)
    at, last = np.zeros(count), np.zeros(count)
    silent = np.ones(count, bool)
    alive = rng.random(count) >= coin
    while alive.any():
        who = np.flatnonzero(alive)
        at[who] += rng.exponential(1.0 / rate[who])
        later = at[who] > age_days[who]
        silent[who[later & (at[who] <= age_days[who] + horizon_days)]] = False
        alive[who[later]] = False
        buyers = who[~later]
        repeats[buyers] += 1
        last[buyers] = at[buyers]
        alive[buyers] = rng.random(len(buyers)) >= coin[buyers]
    return Histories(repeats, last.astype(np.int64), age_days, np.ones_like(repeats)), silent


def complaining(
    model: MbgNbd,
    coins: Coins,
    age_days: Ints,
    per_day: float,
    horizon_days: float,
    rng: np.random.Generator,
) -> tuple[list[Complainer], Flags]:
    """Simulate customers who complain at random, whether they are still customers or not.

    Return their histories (without complaints for those who had none) and who buys nothing after.
    """
    found = []
    silent = np.ones(len(age_days), bool)
    for index, age in enumerate(age_days.tolist()):
        rate, coin = rng.gamma(model.r, 1.0 / model.alpha_days), rng.beta(model.a, model.b)
        times = np.sort(rng.uniform(0.0, age, rng.poisson(per_day * age))).tolist()
        grievances = [Grievance(at, SEVERITIES[rng.integers(4)], False) for at in times]
        alive, repeats, last = rng.random() >= coin, 0, 0.0
        waiting, at = list(grievances), 0.0
        while alive:
            at += rng.exponential(1.0 / rate)
            while alive and waiting and waiting[0].age_days < at:
                chance = coins.complaint(waiting.pop(0).severity, resolved_well=False)
                alive = rng.random() >= chance
            if not alive or at > age:
                silent[index] = not alive or at > age + horizon_days
                break
            repeats, last = repeats + 1, at
            alive = rng.random() >= coin
        found.append(Complainer(repeats, last, float(age), tuple(grievances)))
    return found, silent


def ages(count: int, oldest_days: int, rng: np.random.Generator) -> Ints:
    """Return ages from one day up, all equally likely."""
    return rng.integers(1, oldest_days, count, endpoint=True)


def gaps_at_bins(predicted: Floats, happened: Flags, bins: int = 10) -> list[float]:
    """Return |predicted - realised| in each tenth of the customers."""
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, bins)
    return [abs(float(predicted[part].mean() - happened[part].mean())) for part in parts]
