"""Close and volume of one symbol relative to their trailing means."""

from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.features.windows import rolling_sum
from cappuccino_assets.market.intervals import Interval

WINDOW_DAYS: Final = (7, 30)
ROLLING_NAMES: Final = ("close_7d", "close_30d", "volume_7d", "volume_30d")
ROLLING_VERSIONS: Final = ("log_to_mean_7d_30d/1",)


def longest_window_bars(interval: Interval) -> int:
    """Bars in the longest window."""
    return max(WINDOW_DAYS) * interval.bars_per_day


def rolling_features(grid: pl.DataFrame, interval: Interval) -> pl.DataFrame:
    """Compute the last observed close and volume relative to their means over 7 and 30 days.

    Args:
        grid: One symbol on the regular grid of one segment, oldest first: close, volume, observed.
        interval: Length of a bar.

    Returns:
        One row a bar of the grid and the columns of `ROLLING_NAMES`, as logarithms. A mean is over
        the observed bars of a full window of time; null before the first one. A bar that is not
        observed brings nothing new: it only lets the window move on.
    """
    observed = grid["observed"]
    columns = {
        f"{name}_{days}d": _log_to_mean(grid[name], observed, days * interval.bars_per_day)
        for name in ("close", "volume")
        for days in WINDOW_DAYS
    }
    return pl.DataFrame(columns)


def _log_to_mean(values: pl.Series, observed: pl.Series, window_bars: int) -> pl.Series:
    seen = values.zip_with(observed, pl.repeat(None, len(values), dtype=pl.Float64, eager=True))
    total = rolling_sum(seen.fill_null(0.0).to_numpy(), window_bars)
    count = rolling_sum(observed.cast(pl.Float64).to_numpy(), window_bars)
    with np.errstate(invalid="ignore"):  # a window without any observed bar has no mean
        mean = total / count
    return (seen.forward_fill() / pl.Series(mean).fill_nan(None)).log()
