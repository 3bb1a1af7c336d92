"""The churn model in force: parameters, coins and calibration, as one activation brings them."""

from __future__ import annotations

from math import inf

import msgspec

from models.churn import PRIOR, Coins, MbgNbd
from models.churn_calibration import EDGE, Platt
from models.events import ChurnModelActivated


class RiskModel(msgspec.Struct, frozen=True, gc=False):
    """What a risk is computed with. By default the prior, its assumed coins, and no calibration.

    A *raw* risk is what the parameters and coins say; what people and rules see is the calibrated
    one. Both keep the same order of customers.
    """

    parameters: MbgNbd = PRIOR
    coins: Coins = Coins()
    calibration: Platt | None = None

    @classmethod
    def of(cls, activated: ChurnModelActivated | None) -> RiskModel:
        """Return the model of an activation; None: nothing was activated yet."""
        if activated is None:
            return cls()
        parameters = MbgNbd(
            r=activated.r, alpha_days=activated.alpha_days, a=activated.a, b=activated.b
        )
        return cls(parameters, activated.coins or Coins(), activated.calibration)

    def calibrated(self, risk: float) -> float:
        """Return the risk that is told of a raw one."""
        return risk if self.calibration is None else self.calibration.calibrated(risk)

    def raw(self, risk: float) -> float:
        """Return the raw risk at which a calibrated one is reached.

        0 where every customer reaches it, infinity where none ever does: the log-odds of raw risks
        are cut, so a calibration cannot tell certainties apart.
        """
        if self.calibration is None:
            return risk if risk < 1.0 else inf
        found = self.calibration.raw(risk)
        if found <= EDGE:
            return 0.0
        return found if found <= 1.0 - EDGE else inf
