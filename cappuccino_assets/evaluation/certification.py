"""What a history is long enough to show, before anything is searched on it."""

from math import sqrt

from cappuccino_assets.evaluation.sharpe_statistics import (
    expected_max_sharpe_ratio,
    required_deviations,
)


def noise_variance(*, n_bars: int, bars_per_year: float) -> float:
    """Compute the variance of annualised Sharpe ratios that luck alone gives.

    It is that of independent normal returns without a mean. Trials that also differ in skill, or in
    what they pay, vary more.

    Args:
        n_bars: Bars that each trial is tested on, T, at least 2.
        bars_per_year: Bars in 365 days.

    Raises:
        ValueError: If there are fewer than two bars, or a year has none.
    """
    if n_bars < 2 or not 0 < bars_per_year < float("inf"):
        raise ValueError(f"Luck needs two bars and a year, but got {n_bars=}, {bars_per_year=}.")
    return bars_per_year / (n_bars - 1)


def smallest_certifiable_sharpe_ratio(
    *,
    n_bars: int,
    bars_per_year: float,
    n_trials: int,
    variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Compute the smallest Sharpe ratio of a best trial that its deflation would let pass.

    With 60 trials and `noise_variance`, normal returns and a confidence of 0.95, one year certifies
    3.99 and 2.9 years 2.34: the best of 60 lucky ones is expected at 2.35 standard deviations, and
    1.64 more are needed to be certain of more than luck. Of one year that gives 15 % of its bars to
    a hold-out, the rest certifies 4.33. It is the observed Sharpe ratio; a strategy whose true one
    is this high passes half of the time.

    Args:
        n_bars: Bars that each trial is tested on, T.
        bars_per_year: Bars in 365 days.
        n_trials: Trials that are independent of each other, N.
        variance: Variance of their annualised Sharpe ratios.
        skew: Of the best trial's returns.
        kurtosis: Of the best trial's returns; 3 for normal ones.
        confidence: Deflated Sharpe ratio to be reached, in (0.5, 1).

    Returns:
        The annualised Sharpe ratio at which `deflated_sharpe_ratio` equals the confidence.

    Raises:
        ValueError: If an argument is out of its range, or the returns are so few and so wild that
            no Sharpe ratio suffices.
    """
    if n_bars < 3 or kurtosis < 1 + skew**2:
        raise ValueError(
            f"Returns are three at least, of kurtosis 1 + skew squared at least, but got "
            f"{n_bars=}, {skew=}, {kurtosis=}."
        )
    luck = expected_max_sharpe_ratio(n_trials=n_trials, variance=variance) / sqrt(bars_per_year)
    share = required_deviations(confidence) ** 2 / (n_bars - 1)
    # (x - luck)^2 = share * (1 - skew * x + (kurtosis - 1) / 4 * x^2), for the x above luck.
    a = 1 - share * (kurtosis - 1) / 4
    half_b = share * skew / 2 - luck
    if a <= 0:
        raise ValueError(f"{n_bars} bars of {kurtosis=} can show no Sharpe ratio at {confidence}.")
    root = (sqrt(half_b**2 - a * (luck**2 - share)) - half_b) / a
    return root * sqrt(bars_per_year)
