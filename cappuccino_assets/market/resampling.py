"""Coarser bars made of finer ones."""

from datetime import timedelta

import polars as pl

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval


def resample(bars: Bars, interval: Interval) -> Bars:
    """Join finer bars into coarser ones on the UTC grid.

    Open is the first, high the highest, low the lowest and close the last of the bars with volume;
    volume is the sum. A bar in which nothing was traded stays flat at its last close. The first and
    the last bar are left out where the history does not cover them whole.

    Args:
        bars: The finest bars held.
        interval: Length of the bars to make, a multiple of what they are made of.

    Returns:
        Bars of that interval; the same object where it is already theirs.

    Raises:
        ValueError: If the interval is finer than the bars.
        MissingSymbolError: If no whole bar of a symbol remains.
    """
    if interval is bars.interval:
        return bars
    if interval.seconds < bars.interval.seconds:
        raise ValueError(f"Bars of {bars.interval} cannot be resampled to finer {interval}.")
    joined = (
        bars.frame.with_columns(pl.col("timestamp").dt.truncate(interval.value))
        .group_by("symbol", "timestamp", maintain_order=True)
        .agg(*_joined_prices(), pl.col("volume").sum())
    )
    return Bars.from_frame(
        joined.filter(_is_whole(bars, interval)), interval=interval, symbols=bars.symbols
    )


def _joined_prices() -> list[pl.Expr]:
    traded = pl.col("volume") > 0
    last_close = pl.col("close").last()
    prices = {
        "open": pl.col("open").filter(traded).first(),
        "high": pl.col("high").filter(traded).max(),
        "low": pl.col("low").filter(traded).min(),
        "close": pl.col("close").filter(traded).last(),
    }
    return [price.fill_null(last_close).alias(name) for name, price in prices.items()]


def _is_whole(bars: Bars, interval: Interval) -> pl.Expr:
    closed_at = bars.end + timedelta(seconds=bars.interval.seconds)
    starts_in_time = pl.col("timestamp") >= bars.start
    return starts_in_time & (
        pl.col("timestamp") + pl.duration(seconds=interval.seconds) <= closed_at
    )
