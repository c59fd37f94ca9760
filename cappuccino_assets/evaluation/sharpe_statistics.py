"""What a Sharpe ratio is worth: given its length, its shape, and how many were tried."""

from dataclasses import dataclass
from math import ceil, e, isfinite, sqrt
from statistics import NormalDist

import numpy as np

from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.types import FloatArray

_NORMAL = NormalDist()
_MIN_BARS = 3  # fewer have no skew of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeEstimate:
    """A Sharpe ratio and what its error depends on.

    Attributes:
        sharpe_ratio: Annualised.
        n_bars: Returns that it was computed from, T, at least 3.
        skew: Third standardised moment of the returns; 0 for normal ones.
        kurtosis: Fourth standardised moment; 3 for normal ones.
        bars_per_year: Bars in 365 days.
    """

    sharpe_ratio: float
    n_bars: int
    skew: float = 0.0
    kurtosis: float = 3.0
    bars_per_year: float

    def __post_init__(self) -> None:
        """Refuse what no series of returns can have.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if not all(map(isfinite, (self.sharpe_ratio, self.skew, self.kurtosis))):
            raise ValueError(f"Sharpe ratio, skew and kurtosis must be finite, but got {self}.")
        if self.n_bars < _MIN_BARS:
            raise ValueError(f"At least {_MIN_BARS} returns are needed, but got {self.n_bars=}.")
        if not 0 < self.bars_per_year < float("inf"):
            raise ValueError(f"A year has bars, but got {self.bars_per_year=}.")
        if self.kurtosis < 1 + self.skew**2 - 1e-9:
            raise ValueError(
                f"No series has a kurtosis below 1 + skew squared, but got "
                f"{self.kurtosis=} with {self.skew=}."
            )

    @classmethod
    def from_returns(cls, returns: FloatArray, *, bars_per_year: float) -> "SharpeEstimate":
        """Measure a series of simple returns per bar, shape (T,).

        Skew and kurtosis are the moments of the sample, without correction for its size.

        Raises:
            ValueError: If the Sharpe ratio is undefined (`metrics.sharpe_ratio`), or there are
                fewer than 3 returns.
        """
        annual = sharpe_ratio(returns, bars_per_year=bars_per_year)
        standardised = (returns - returns.mean()) / returns.std()
        return cls(
            sharpe_ratio=annual,
            n_bars=len(returns),
            skew=float((standardised**3).mean()),
            kurtosis=float((standardised**4).mean()),
            bars_per_year=bars_per_year,
        )

    @property
    def error(self) -> float:
        """Standard error of the annualised Sharpe ratio.

        Returns are taken to be independent of each other, not to be normal.

        Raises:
            ValueError: If skew and kurtosis give no positive variance at this Sharpe ratio.

        References:
            Mertens, "Comments on variance of the IID estimator in Lo" (2002); with T - 1 as in
            Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier" (2012).
        """
        return sqrt(self.variance_factor * self.bars_per_year / (self.n_bars - 1))

    @property
    def variance_factor(self) -> float:
        """How many times the variance of the Sharpe ratio of normal returns around 0 this is.

        Raises:
            ValueError: If it is not positive, as of returns of two values only.
        """
        per_bar = self.sharpe_ratio / sqrt(self.bars_per_year)
        factor = 1 - self.skew * per_bar + (self.kurtosis - 1) / 4 * per_bar**2
        if factor <= 0:
            raise ValueError(f"The error of this Sharpe ratio is undefined: {self}.")
        return factor


def probabilistic_sharpe_ratio(estimate: SharpeEstimate, *, benchmark: float = 0.0) -> float:
    """Compute the probability that the true Sharpe ratio is above a benchmark.

    Args:
        estimate: The observed Sharpe ratio.
        benchmark: Annualised Sharpe ratio to be above.

    Returns:
        A probability, in [0, 1].

    Raises:
        ValueError: If the benchmark is not finite, or the estimate's error is undefined.

    References:
        Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier" (2012).
    """
    if not isfinite(benchmark):
        raise ValueError(f"A benchmark must be finite, but got {benchmark=}.")
    return _NORMAL.cdf((estimate.sharpe_ratio - benchmark) / estimate.error)


def expected_max_sharpe_ratio(*, n_trials: int, variance: float) -> float:
    """Compute the Sharpe ratio that the best of so many trials without skill is expected to have.

    The trials are independent of each other and have normal Sharpe ratios around 0. Trials that
    resemble each other reach less, so this is a cautious benchmark for them. One trial alone has
    nothing to be chosen from: 0.

    Args:
        n_trials: All that were ever tried, N: failed, pruned and forgotten ones too.
        variance: Variance of the trials' annualised Sharpe ratios.

    Returns:
        The expected maximum, annualised: SR0.

    Raises:
        ValueError: If there is no trial, or the variance is negative or not finite.

    References:
        Bailey and López de Prado, "The Deflated Sharpe Ratio" (2014).
    """
    if n_trials < 1:
        raise ValueError(f"A best one is among at least one trial, but got {n_trials=}.")
    if not 0 <= variance < float("inf"):
        raise ValueError(f"A variance is finite and not negative, but got {variance=}.")
    if n_trials == 1:
        return 0.0
    typical = _NORMAL.inv_cdf(1 - 1 / n_trials)
    extreme = _NORMAL.inv_cdf(1 - 1 / (n_trials * e))
    return sqrt(variance) * ((1 - np.euler_gamma) * typical + np.euler_gamma * extreme)


def deflated_sharpe_ratio(estimate: SharpeEstimate, *, n_trials: int, variance: float) -> float:
    """Compute the probability that the best of many trials has any skill.

    It is the probability that its true Sharpe ratio is above what the best of as many trials
    without skill is expected to have.

    Args:
        estimate: The observed Sharpe ratio of the best trial.
        n_trials: All that were ever tried, N.
        variance: Variance of the trials' annualised Sharpe ratios.

    Returns:
        A probability, in [0, 1].

    Raises:
        ValueError: If there is no trial, the variance is negative, or the error is undefined.

    References:
        Bailey and López de Prado, "The Deflated Sharpe Ratio" (2014).
    """
    benchmark = expected_max_sharpe_ratio(n_trials=n_trials, variance=variance)
    return probabilistic_sharpe_ratio(estimate, benchmark=benchmark)


def min_track_record_bars(
    estimate: SharpeEstimate, *, benchmark: float = 0.0, confidence: float = 0.95
) -> int:
    """Count the bars after which this Sharpe ratio would be certain enough to be above a benchmark.

    Args:
        estimate: The observed Sharpe ratio; its own length does not matter.
        benchmark: Annualised Sharpe ratio to be above.
        confidence: Probability to be reached, in (0.5, 1).

    Returns:
        The smallest number of bars at which `probabilistic_sharpe_ratio` reaches the confidence.

    Raises:
        ValueError: If the Sharpe ratio is not above the benchmark, so that no length suffices, or
            the confidence is out of range.

    References:
        Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier" (2012).
    """
    z = required_deviations(confidence)
    if not estimate.sharpe_ratio > benchmark:
        raise ValueError(
            f"No history shows that a Sharpe ratio of {estimate.sharpe_ratio} is above {benchmark}."
        )
    deviations = z / (estimate.sharpe_ratio - benchmark)
    return ceil(1 + estimate.variance_factor * estimate.bars_per_year * deviations**2)


def required_deviations(confidence: float) -> float:
    """Find how many standard errors above a benchmark are certain enough.

    Args:
        confidence: One-sided, in (0.5, 1).

    Raises:
        ValueError: If the confidence is out of range.
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"A confidence is in (0.5, 1), but got {confidence=}.")
    return _NORMAL.inv_cdf(confidence)
