"""Sums over moving windows, whose every bit depends on the window and what precedes it only."""

import numpy as np
import polars as pl

from cappuccino_assets.types import FloatArray


def rolling_sum(values: FloatArray, n_bars: int) -> FloatArray:
    """Sum each window of rows.

    Polars divides a rolling sum among threads, and rounds otherwise at every seam: the last bit of
    a row then depends on how many rows follow, and on the machine. Here the rows are divided into
    stretches as long as the window, from the first row on. A window is the end of one and the
    beginning of the next, so nothing is ever subtracted.

    Args:
        values: Finite, oldest first, shape (T,).
        n_bars: Rows in a window.

    Returns:
        Shape (T,); NaN until a window is full.

    Raises:
        ValueError: If a window has no row.
    """
    if n_bars < 1:
        raise ValueError(f"A window has at least 1 bar, but got {n_bars=}.")
    n_rows = len(values)
    stretches = np.zeros((-(-n_rows // n_bars) + 1, n_bars))  # the first one precedes all rows
    stretches.reshape(-1)[n_bars : n_bars + n_rows] = values
    beginnings = stretches.cumsum(axis=1)[1:]
    ends = np.zeros_like(beginnings)  # of the stretch before, without its oldest rows
    ends[:, :-1] = stretches[:-1, :0:-1].cumsum(axis=1)[:, ::-1]
    sums: FloatArray = (ends + beginnings).reshape(-1)[:n_rows]
    sums[: n_bars - 1] = np.nan
    return sums


def rolling_mean(values: pl.Series, n_bars: int) -> pl.Series:
    """Average each window of rows; null until a window is full."""
    sums = rolling_sum(values.to_numpy(), n_bars)
    return pl.Series(sums / n_bars).fill_nan(None)
