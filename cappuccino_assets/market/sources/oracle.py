"""What could be earned in a simulated market by who knows its drift."""

import numpy as np

from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.types import BoolArray, FloatArray


def oracle_exposure(source: SimulatedSource) -> BoolArray:
    """Mark the bars, by symbol, whose expected return is positive; shape (T, N).

    Row t is known at the close of bar t - 1: it is what to hold during bar t.
    """
    _, expected = source.returns()
    return expected > 0


def oracle_returns(source: SimulatedSource, *, fee_rate: float = 0.0) -> FloatArray:
    """Compute the returns of who holds each coin while its drift is positive, else cash.

    Args:
        source: The market.
        fee_rate: Fee per side as a fraction of the traded value; fills are at closes.

    Returns:
        Simple return of the portfolio in each bar, equal weights, shape (T,).

    Raises:
        ValueError: If the fee is outside [0, 1).
    """
    if not 0 <= fee_rate < 1:
        raise ValueError(f"A fee is a fraction in [0, 1), but got {fee_rate=}.")
    returns, expected = source.returns()
    weight = (expected > 0) / len(source.symbols)  # (T, N)
    traded = np.abs(np.diff(weight, axis=0, prepend=0.0))
    portfolio = (weight * returns - fee_rate * traded).sum(axis=1)
    return np.asarray(portfolio, dtype=np.float64)


def hodl_returns(source: SimulatedSource) -> FloatArray:
    """Compute the simple returns of equal values bought before the first bar and kept; (T,)."""
    returns, _ = source.returns()
    equity = np.cumprod(1 + returns, axis=0).mean(axis=1)
    before = np.concatenate([[1.0], equity[:-1]])
    return np.asarray(equity / before - 1, dtype=np.float64)
