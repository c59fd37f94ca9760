"""All columns of a feature contract, on a grid of bars."""

import numpy as np
import polars as pl

from cappuccino_assets.features.basket import basket_bars
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.features.contract import FeatureContract, Layout
from cappuccino_assets.features.indicators import RECURSIVE_MEMORY_BARS, indicators
from cappuccino_assets.features.rolling import rolling_features
from cappuccino_assets.market.grid import BarGrid
from cappuccino_assets.types import BoolArray, Float32Array, FloatArray, IntArray


def feature_matrix(grid: BarGrid, contract: FeatureContract) -> tuple[Float32Array, IntArray]:
    """Compute every column, segment by segment.

    A row is made from its own bar and earlier ones of its segment only.

    Args:
        grid: Bars of all symbols on one grid, T rows.
        contract: Says which columns, in which order, and how long they warm up.

    Returns:
        Features, shape (T, D), and the segment of each row, shape (T,); while a segment warms up
        its rows are 0 and -1.
    """
    features = np.zeros((len(grid.open_time), contract.n_columns), dtype=np.float32)
    segment = np.full(len(grid.open_time), -1)
    for block in segment_blocks(grid.segment):
        n_warm_up = _warm_up_bars(grid.observed[block.rows], contract.warm_up_bars)
        if n_warm_up < block.n_bars:
            warm = slice(block.start + n_warm_up, block.stop)
            parts = [part[n_warm_up:] for part in _parts(grid, block, contract)]
            np.concatenate(parts, axis=1, out=features[warm], casting="same_kind")
            segment[warm] = grid.segment[warm]
    return features, segment


def _warm_up_bars(observed: BoolArray, warm_up_bars: int) -> int:
    """Rows until both the windows of time and every symbol's count of bars are full."""
    n_observed = observed.cumsum(axis=0).min(axis=1)  # a count of each symbol's bars, never falling
    return max(warm_up_bars, int(np.searchsorted(n_observed, RECURSIVE_MEMORY_BARS + 1)))


def _parts(grid: BarGrid, block: Block, contract: FeatureContract) -> list[FloatArray]:
    """Columns in the contract's order, one array per symbol and family."""
    symbols = range(len(contract.symbols))
    if contract.layout is Layout.COMPACT:
        parts = [_indicators_on_grid(*basket_bars(grid, block))]
    else:
        parts = [_indicators_on_grid(*_observed_bars(grid, block, n)) for n in symbols]
    if contract.enhanced:
        parts += [_rolling_on_grid(grid, block, n) for n in symbols]
    return parts


def _observed_bars(grid: BarGrid, block: Block, n: int) -> tuple[pl.DataFrame, BoolArray]:
    observed = grid.observed[block.rows, n]
    names = ("open", "high", "low", "close", "volume")
    return pl.DataFrame({a: getattr(grid, a)[block.rows, n][observed] for a in names}), observed


def _indicators_on_grid(bars: pl.DataFrame, observed: BoolArray) -> FloatArray:
    """Repeat the last observed bar's indicators, shape (T, 11), where there is none."""
    last_bar = np.maximum(observed.cumsum() - 1, 0)  # before the first bar: row 0, all null
    values: FloatArray = indicators(bars).to_numpy()[last_bar]
    return values


def _rolling_on_grid(grid: BarGrid, block: Block, n: int) -> FloatArray:
    names = ("close", "volume", "observed")
    frame = pl.DataFrame({name: getattr(grid, name)[block.rows, n] for name in names})
    values: FloatArray = rolling_features(frame, grid.interval).to_numpy()
    return values
