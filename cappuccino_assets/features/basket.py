"""The market as one symbol: an equal-weight index of all coins."""

import numpy as np
import polars as pl

from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.indicators import relative_volume
from cappuccino_assets.market.grid import BarGrid
from cappuccino_assets.types import BoolArray, FloatArray


def basket_bars(grid: BarGrid, block: Block) -> tuple[pl.DataFrame, BoolArray]:
    """Build the bars of an index that is rebalanced to equal weights at every close.

    A coin counts in the bars where it is observed and has enough bars behind it for its relative
    volume. The index opens at 1 in every block.

    Args:
        grid: Bars of all symbols on one grid.
        block: Rows of one segment.

    Returns:
        The index's bars: prices grow by the mean of the coins' simple ratios to their previous
        close, and the volume is the mean of their relative volumes. Beside them a mask of the
        block's rows that have such a bar, shape (block.n_bars,).
    """
    rows = block.rows
    volume = _relative_volumes(grid.volume[rows], grid.observed[rows])
    counted = np.isfinite(volume)  # (T, N)
    n_counted = counted.sum(axis=1)
    held = n_counted > 0
    previous_close = np.full_like(volume, np.nan)
    previous_close[1:] = grid.close[rows][:-1]

    def mean(values: FloatArray) -> FloatArray:
        total = np.where(counted, values, 0.0).sum(axis=1)
        each: FloatArray = total[held] / n_counted[held]
        return each

    index = np.cumprod(mean(grid.close[rows] / previous_close))
    previous_index = np.concatenate(([1.0], index))[:-1]
    bars = {
        "open": previous_index * mean(grid.open[rows] / previous_close),
        "high": previous_index * mean(grid.high[rows] / previous_close),
        "low": previous_index * mean(grid.low[rows] / previous_close),
        "close": index,
        "volume": mean(volume),
    }
    return pl.DataFrame(bars), held


def _relative_volumes(volume: FloatArray, observed: BoolArray) -> FloatArray:
    relative = np.full(volume.shape, np.nan)
    for n in range(volume.shape[1]):
        seen = observed[:, n]
        relative[seen, n] = relative_volume(pl.Series(volume[seen, n])).to_numpy()
    return relative
