"""Measures of a series of simple per-bar returns; every one raises rather than returning NaN."""

from collections.abc import Sequence

import numpy as np

from cappuccino_assets.types import FloatArray

STABILITY_WEIGHT = 0.1


def sharpe_ratio(returns: FloatArray, *, bars_per_year: float) -> float:
    """Divide the mean return by its standard deviation (ddof 1), annualised; risk-free rate 0.

    Args:
        returns: Simple returns per bar, shape (T,), at least two.
        bars_per_year: Bars in 365 days.

    Raises:
        ValueError: If a return is not finite, there are fewer than two, or all are equal.

    References:
        Sharpe, "The Sharpe Ratio" (1994); annualised by the square root of time.
    """
    _require_returns(returns, n_min=2)
    if np.ptp(returns) == 0:
        raise ValueError(f"A Sharpe ratio needs returns that vary, but all are {returns[0]}.")
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(bars_per_year))


def sortino_ratio(returns: FloatArray, *, bars_per_year: float) -> float:
    """Divide the mean return by its downside deviation from 0, annualised.

    Raises:
        ValueError: If a return is not finite, or none is negative.
    """
    _require_returns(returns, n_min=1)
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).mean())
    if downside == 0:
        raise ValueError("A Sortino ratio needs a negative return, but there is none.")
    return float(returns.mean() / downside * np.sqrt(bars_per_year))


def total_return(returns: FloatArray) -> float:
    """Compound all returns into one simple return."""
    _require_returns(returns, n_min=1)
    return float(np.prod(1.0 + returns) - 1.0)


def annual_return(returns: FloatArray, *, bars_per_year: float) -> float:
    """Compound all returns into one simple return per 365 days."""
    return float((1.0 + total_return(returns)) ** (bars_per_year / len(returns)) - 1.0)


def max_drawdown(returns: FloatArray) -> float:
    """Find the largest fall of the equity below its peak, as a fraction of the peak.

    The equity before the first return counts as a peak.
    """
    _require_returns(returns, n_min=1)
    equity = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float((1.0 - equity / np.maximum.accumulate(equity)).max())


def calmar_ratio(returns: FloatArray, *, bars_per_year: float) -> float:
    """Divide the annual return by the largest drawdown.

    Raises:
        ValueError: If there is no drawdown.
    """
    drawdown = max_drawdown(returns)
    if drawdown == 0:
        raise ValueError("A Calmar ratio needs a drawdown, but there is none.")
    return annual_return(returns, bars_per_year=bars_per_year) / drawdown


def score(sharpe_bots: Sequence[float], sharpe_hodls: Sequence[float]) -> float:
    """Compute a study's value: mean excess Sharpe ratio less a tenth of its spread over splits.

    Args:
        sharpe_bots: Annualised Sharpe ratio of the agent on each split, finite.
        sharpe_hodls: That of equal-weight buy and hold on the same bars.

    Returns:
        mean(sharpe_bots) - mean(sharpe_hodls) - 0.1 x std(sharpe_bots), with ddof 0.

    Raises:
        ValueError: If the lengths differ, there is no split, or a value is not finite.
    """
    bots, hodls = np.asarray(sharpe_bots, np.float64), np.asarray(sharpe_hodls, np.float64)
    if bots.shape != hodls.shape or not bots.size:
        raise ValueError(f"Each split has two Sharpe ratios, but got {bots.size}, {hodls.size}.")
    if not (np.isfinite(bots).all() and np.isfinite(hodls).all()):
        raise ValueError(f"Sharpe ratios must be finite, but got {bots} and {hodls}.")
    return float(bots.mean() - hodls.mean() - STABILITY_WEIGHT * bots.std())


def _require_returns(returns: FloatArray, *, n_min: int) -> None:
    if returns.ndim != 1 or len(returns) < n_min:
        raise ValueError(f"At least {n_min} returns are needed, but got shape {returns.shape}.")
    if not np.isfinite(returns).all() or returns.min() < -1.0:
        raise ValueError("Simple returns must be finite and at least -1.")
