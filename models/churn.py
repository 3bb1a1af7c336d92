"""Churn risk: how likely it is that a customer buys nothing within a horizon.

The model is MBG/NBD (Batislam, Denizel and Filiztekin 2007; a relative of the BG/NBD of Fader,
Hardie and Lee 2005). A living customer buys at random at her own rate; rates differ between
customers as Gamma(r, alpha). After each purchase, the first included, she leaves for good with her
own probability; these differ as Beta(a, b). Of a history it needs three numbers:

    x     repeat purchases: distinct days with a purchase, less one
    t_x   age at the last purchase
    T     age now

An age is the time since the first purchase; here it is a `float` of days. With n = r + x,

    l          = ln a - ln(b + x) - n ln(alpha + t_x)
    P(alive)   = 1 / (1 + exp(l + n ln(alpha + T)))
    risk       = 1 - P(alive) (1 - ((alpha + T) / (alpha + T + horizon))^n)

so that `l`, in the code `ell`, is all that has to be known between two events. A complaint is one
more chance to leave, a coin thrown at a known age, after van Oest and Knox (2011, International
Journal of Research in Marketing 28): see `log_dead`. Powers are taken in logarithms, because
((alpha + T) / (alpha + t_x))^n overflows for a frequent buyer.

The bare 1 - P(alive) is not a risk: someone may be alive and still buy only every other year.

Functions on the path of every event take plain numbers and trust them: 0 <= t_x <= T, x >= 0,
horizon > 0. They use only + - * / and `math`, so equal input gives equal bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, expm1, log, log1p
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from models.events import Severity

PARAMETER_MAX = 1e9  # far beyond any fit; not far beyond it, crossings drown in rounding errors
FORECAST_DAYS_MAX = 36_525.0  # a century: what lies beyond is as good as never

_LOG_ODDS_MAX = 700.0  # exp() overflows above 709; the probability is 0 long before
_EARLIEST, _LATEST = -log1p(-0.25), -log1p(-0.75)  # the middle half of the waits


class MbgNbd(msgspec.Struct, frozen=True, kw_only=True):
    """The four parameters of MBG/NBD; rates are Gamma(r, alpha), chances to leave Beta(a, b).

    `alpha_days` is in days; published values are often in weeks (times 7). The others have no unit.
    As `a` goes to 0 nobody ever leaves and the model becomes NBD: a legitimate result of a fit.
    """

    r: float
    alpha_days: float
    a: float
    b: float

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 0.0 < value <= PARAMETER_MAX:
                message = (
                    f"churn model: {name} must be positive and at most 1e9, not {value!r}; "
                    "fit the model again or use the default, models.churn.PRIOR"
                )
                raise ValueError(message)


PRIOR = MbgNbd(r=0.5, alpha_days=6 * 7.0, a=0.8, b=2.5)
"""The default until there is a fit, and the centre of the log-normal prior of fits. Its customers
buy at a mean rate (r / alpha) of once in 12 weeks, and 24 % leave after the first purchase
(a / (a + b)). It ranks customers well almost anywhere; only a fit makes the probabilities right."""


class Coins(msgspec.Struct, frozen=True, kw_only=True):
    """The probabilities that one bad experience makes a living customer leave, each in [0, 1).

    Assumptions to be tuned, not findings: what is known is that complaints raise the exit
    probability substantially, and that good recovery helps without quite making up for it
    (Knox and van Oest 2014, Journal of Marketing 78(5)). Praise has no coin, and a return is not
    a complaint: customers who send goods back do not leave more often for it.
    """

    low: float = 0.02
    medium: float = 0.08
    high: float = 0.20
    critical: float = 0.40
    resolved_factor: float = 0.4
    """What is left, as a share, of a complaint's coin once it is resolved to satisfaction."""
    detractor: float = 0.03
    """Of negative feedback: NPS of 6 or less, CSAT of 2 or less."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                message = f"churn coins: {name} must be at least 0 and below 1, not {value!r}"
                raise ValueError(message)

    def complaint(self, severity: Severity, *, resolved_well: bool) -> float:
        """Return the coin of a complaint; `resolved_well` means to the customer's satisfaction."""
        by_severity = {
            "low": self.low,
            "medium": self.medium,
            "high": self.high,
            "critical": self.critical,
        }
        coin = by_severity[severity]
        return coin * self.resolved_factor if resolved_well else coin


class RiskFactors(msgspec.Struct, frozen=True):
    """What moves a customer's risk, as log-odds: above 0 raises it, below 0 lowers it."""

    silence: float
    """How far the time since the last purchase has moved the odds of having left; never below 0."""
    low_rate: float
    """The log-odds that she buys nothing within the horizon although she is alive."""
    complaint: float
    """The odds of having left, against those without the complaints; never below 0."""
    feedback: float
    """The odds of having left, against those without the feedback; never below 0."""


def log_dead(
    model: MbgNbd, x: int, t_x_days: float, coins: Iterable[tuple[float, float]] = ()
) -> float:
    """Return `ell`, the part of the log-odds of having left that stays put between events.

    `coins` holds (age in days, probability) of complaints and bad feedback, in any order; those
    before the last purchase do not count, for the purchase proves that she stayed. Exact if a
    living complainer leaves with that probability and the moment of a complaint tells nothing
    else about her. With coin q at age c:

        l <- ln(exp(l) + q (alpha + c)^-n) - ln(1 - q)
    """
    shape = model.r + x
    alpha = model.alpha_days
    ell = log(model.a) - log(model.b + x) - shape * log(alpha + t_x_days)
    for age_days, q in sorted(coins):
        if age_days >= t_x_days and q > 0.0:
            left_now = log(q) - shape * log(alpha + age_days)
            ell = _log_add_exp(ell, left_now) - log1p(-q)
    return ell


def p_alive(model: MbgNbd, x: int, ell: float, age_days: float) -> float:
    """Return the probability that a customer has not left at an age."""
    log_odds = ell + (model.r + x) * log(model.alpha_days + age_days)
    return 1.0 / (1.0 + exp(log_odds)) if log_odds < _LOG_ODDS_MAX else 0.0


def risk(model: MbgNbd, x: int, ell: float, age_days: float, horizon_days: float) -> float:
    """Return the probability of no purchase from an age until `horizon_days` later.

    Exact, not an approximation: the rate of a living customer is Gamma(r + x, alpha + T), and she
    cannot leave before her next purchase. Between events it only rises, and towards 1: even where
    nobody leaves (a -> 0), silence in the end means a rate close to 0.
    """
    shape = model.r + x
    rate = model.alpha_days + age_days
    log_odds = ell + shape * log(rate)
    if log_odds >= _LOG_ODDS_MAX:
        return 1.0
    return 1.0 + expm1(-shape * log1p(horizon_days / rate)) / (1.0 + exp(log_odds))


def risk_factors(
    model: MbgNbd,
    x: int,
    t_x_days: float,
    age_days: float,
    horizon_days: float,
    *,
    complaints: Iterable[tuple[float, float]] = (),
    feedback: Iterable[tuple[float, float]] = (),
) -> RiskFactors:
    """Return what moves the risk at an age; coins as for `log_dead`.

    Complaints and feedback are each weighed against the same history without them, so with both
    present the parts do not simply add up.
    """
    complaints, feedback = tuple(complaints), tuple(feedback)
    shape = model.r + x
    rate = model.alpha_days + age_days
    log_no_purchase = -shape * log1p(horizon_days / rate)
    complaint = bad_feedback = 0.0
    if complaints or feedback:
        ell = log_dead(model, x, t_x_days, complaints + feedback)
        complaint = ell - log_dead(model, x, t_x_days, feedback)
        bad_feedback = ell - log_dead(model, x, t_x_days, complaints)
    return RiskFactors(
        silence=shape * log(rate / (model.alpha_days + t_x_days)),
        low_rate=log_no_purchase - log(-expm1(log_no_purchase)),
        complaint=complaint,
        feedback=bad_feedback,
    )


def expected_next(model: MbgNbd, x: int, age_days: float) -> tuple[float, float] | None:
    """Return between which days from now the next purchase is expected, if she is alive.

    Of customers with this history who are alive, a quarter buys before the first value and a
    quarter after the second. The quantile p of the wait is (alpha + T) ((1 - p)^(-1/n) - 1). None
    if the second lies more than a century ahead.
    """
    shape = model.r + x
    rate = model.alpha_days + age_days
    latest = _LATEST / shape
    if latest > log1p(FORECAST_DAYS_MAX / rate):
        return None
    return rate * expm1(_EARLIEST / shape), rate * expm1(latest)


def _log_add_exp(one: float, other: float) -> float:
    """Return ln(e^one + e^other) without leaving the range of floats."""
    return max(one, other) + log1p(exp(-abs(one - other)))
