"""Print what the planted market lets an oracle, and a plain MACD rule, earn: Sharpe over a year."""

import numpy as np
import polars as pl

from cappuccino_assets.market.sources.oracle import (
    hodl_returns,
    oracle_exposure,
    oracle_returns,
)
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource, Strength
from cappuccino_assets.types import FloatArray

N_SEEDS = 32
FEES = (0.0, 0.001, 0.006)
COLUMNS = ("HODL", "oracle", "at 0.1 %", "at 0.6 %", "MACD 0.1 %", "days a spell")


def sharpe_ratio(returns: FloatArray, bars_per_year: int) -> float:
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(bars_per_year))


def macd_returns(source: SimulatedSource, fee_rate: float) -> FloatArray:
    """Long the basket in the bar after the MACD line of its index was positive, else cash."""
    basket = source.returns()[0].mean(axis=1)
    index = pl.Series(np.cumprod(1 + basket))
    macd = index.ewm_mean(span=12, adjust=False) - index.ewm_mean(span=26, adjust=False)
    weight = np.concatenate([[0.0], macd.to_numpy()[:-1] > 0])
    return weight * basket - fee_rate * np.abs(np.diff(weight, prepend=0.0))


def measure(source: SimulatedSource) -> list[float]:
    series = [hodl_returns(source), *(oracle_returns(source, fee_rate=fee) for fee in FEES)]
    series.append(macd_returns(source, 0.001))
    n_turns = np.count_nonzero(np.diff(oracle_exposure(source)[:, 0]))
    sharpes = [sharpe_ratio(returns, source.interval.bars_per_year) for returns in series]
    return [*sharpes, source.n_days / max(n_turns, 1)]


def main() -> None:
    print(f"Mean of seeds 0 to {N_SEEDS - 1} (standard deviation); 365 days of 1h; fees a side.")
    print(" " * 8, *(f"{column:>12}" for column in COLUMNS))
    for strength in Strength:
        rows = [
            measure(SimulatedSource(regime=Regime.PLANTED, strength=strength, seed=seed))
            for seed in range(N_SEEDS)
        ]
        mean, deviation = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
        cells = (f"{m:6.1f} ({d:.1f})" for m, d in zip(mean, deviation, strict=True))
        print(f"{strength:8}", *(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
