"""Close and volume of one symbol relative to their trailing means."""

from typing import Final

import polars as pl

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
    # Not lazily: that engine parts the rows among threads, and rounds otherwise at every seam, so
    # that the last bit of a sum depends on how many rows follow, and on the machine.
    return grid.select(
        _log_to_mean(pl.col(name), days * interval.bars_per_day).alias(f"{name}_{days}d")
        for name in ("close", "volume")
        for days in WINDOW_DAYS
    )


def _log_to_mean(values: pl.Expr, window_bars: int) -> pl.Expr:
    # Sums of zeros rather than nulls: whether a null lies ahead must not choose the algorithm.
    observed = pl.col("observed")
    total = pl.when(observed).then(values).otherwise(0.0).rolling_sum(window_bars)
    count = observed.cast(pl.Float64).rolling_sum(window_bars)
    last = pl.when(observed).then(values).forward_fill()
    return (last / (total / count)).log()
