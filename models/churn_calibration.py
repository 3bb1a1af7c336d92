"""Maps from a model's risk to the rate at which such customers really churned.

A model that is fitted without labels can be off as a whole: a season that comes back, a price that
rose. Once predictions have matured, Platt's method (1999) moves and stretches their log-odds:

    ln odds' = intercept + slope ln odds

It has two parameters and, with slope > 0, keeps the order of customers; so a band that begins at a
calibrated risk begins at one raw risk (`raw`), and its crossing can still be solved for in advance.
"""

from __future__ import annotations

from math import exp, inf, log, log1p

import msgspec

EDGE = 1e-12


class Platt(msgspec.Struct, frozen=True, kw_only=True):
    """Two parameters, without unit."""

    intercept: float
    slope: float

    def __post_init__(self) -> None:
        if not -inf < self.intercept < inf or not 0.0 < self.slope < inf:
            message = (
                f"calibration: intercept {self.intercept!r} must be finite and slope "
                f"{self.slope!r} positive; calibrate again, or leave the calibration out"
            )
            raise ValueError(message)

    def calibrated(self, risk: float) -> float:
        """Return the calibrated risk of a raw one, both in [0, 1]."""
        return _probability(self.intercept + self.slope * log_odds(risk))

    def raw(self, risk: float) -> float:
        """Return the raw risk of a calibrated one: the inverse of `calibrated`."""
        return _probability((log_odds(risk) - self.intercept) / self.slope)


def log_odds(risk: float) -> float:
    """Return ln(risk / (1 - risk)), cut at one in 10^12, so that certainties stay finite."""
    within = min(max(risk, EDGE), 1.0 - EDGE)
    return log(within) - log1p(-within)


def _probability(log_odds: float) -> float:
    if log_odds < 0.0:
        odds = exp(log_odds)
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + exp(-log_odds))
