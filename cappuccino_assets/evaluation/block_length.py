"""How long the blocks of a bootstrap must be for a series to keep its memory."""

from math import ceil, log10, sqrt

import numpy as np

from cappuccino_assets.types import FloatArray

_MIN_BARS = 20  # of fewer, no autocorrelation can be told from none


def stationary_block_bars(series: FloatArray) -> float:
    """Choose the mean block length of the stationary bootstrap of a mean.

    It balances bias and variance of the bootstrap's variance, from the autocovariances up to the
    lag at which they fade: twice the first lag from which on so many in a row are insignificant.

    Args:
        series: Values per bar, shape (T,), at least 20.

    Returns:
        Bars, from 1 (no memory) to the smaller of 3 sqrt(T) and T / 3, rounded up.

    Raises:
        ValueError: If a value is not finite, there are too few, or all are equal.

    References:
        Politis and White, "Automatic Block-Length Selection for the Dependent Bootstrap",
        Econometric Reviews (2004); corrected by Patton, Politis and White (2009).
    """
    if series.ndim != 1 or len(series) < _MIN_BARS or not np.isfinite(series).all():
        raise ValueError(f"{_MIN_BARS} finite values are needed, but got shape {series.shape}.")
    if np.ptp(series) == 0:
        raise ValueError(f"Memory needs values that vary, but all are {series[0]}.")
    n_bars = len(series)
    covariance = _autocovariances(series)
    lags = np.arange(1, _fading_lag(covariance, n_bars) + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - lags / lags[-1])) * covariance[lags]
    slope = 2.0 * (lags @ weighted)
    spectrum = covariance[0] + 2.0 * weighted.sum()  # at frequency 0
    longest = ceil(min(3 * sqrt(n_bars), n_bars / 3))
    return float(np.clip(np.cbrt(n_bars * slope**2 / spectrum**2), 1.0, longest))


def _n_insignificant(n_bars: int) -> int:
    """How many lags in a row must be insignificant."""
    return max(5, int(log10(n_bars)))


def _autocovariances(series: FloatArray) -> FloatArray:
    """Autocovariances from lag 0 to the last one that is looked at."""
    n_bars = len(series)
    centred = series - series.mean()
    n_lags = ceil(sqrt(n_bars)) + _n_insignificant(n_bars)
    return np.array([centred[lag:] @ centred[: n_bars - lag] for lag in range(n_lags + 1)]) / n_bars


def _fading_lag(covariance: FloatArray, n_bars: int) -> int:
    """Twice the first lag from which on autocorrelations are insignificant; else the last lag."""
    n_row = _n_insignificant(n_bars)
    threshold = 2.0 * sqrt(log10(n_bars) / n_bars)
    insignificant = np.abs(covariance[1:] / covariance[0]) < threshold
    in_a_row = np.lib.stride_tricks.sliding_window_view(insignificant, n_row).all(axis=1)
    n_lags = len(covariance) - 1
    return min(2 * (int(in_a_row.argmax()) + 1), n_lags) if in_a_row.any() else n_lags
