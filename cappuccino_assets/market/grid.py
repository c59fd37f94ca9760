"""Bars of all symbols on one regular UTC grid, with the mask of their gaps."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.validation import VALUE_COLUMNS
from cappuccino_assets.types import BoolArray, FloatArray, IntArray

MAX_GAP_HOURS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarGrid:
    """One row per interval from the first bar to the last, one column per symbol.

    A filled price marks a position; it is never traded, and never a new observation.

    Attributes:
        interval: Length of a bar.
        symbols: The universe, in its order.
        dataset_digest: Digest of the bars.
        open_time: Seconds since the UTC epoch, shape (T,), one interval apart.
        open: Open in USD, shape (T, N); the last observed close where not observed, NaN before
            the first observed bar. So are `high`, `low` and `close`.
        high: High.
        low: Low.
        close: Close.
        volume: Volume in base coin, shape (T, N); 0 where not observed.
        present: Whether there was a bar, shape (T, N).
        observed: Whether there was a bar with volume, shape (T, N).
        segment: Number of the run of rows without a long gap, shape (T,); -1 inside a long gap of
            any symbol, and before the first observed bar of any.
    """

    interval: Interval
    symbols: tuple[str, ...]
    dataset_digest: str
    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    present: BoolArray
    observed: BoolArray
    segment: IntArray

    @property
    def n_bars(self) -> int:
        """Number of rows, T."""
        return len(self.open_time)

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.segment.max(initial=-1)) + 1


def grid_from_bars(bars: Bars, *, max_gap_hours: float = MAX_GAP_HOURS) -> BarGrid:
    """Put bars on their grid and mark what is missing.

    Args:
        bars: Bars of one interval.
        max_gap_hours: A run of unobserved bars of any symbol that is longer than this (and than
            one bar) ends a segment.

    Raises:
        ValueError: If the limit is negative.
    """
    if max_gap_hours < 0:
        raise ValueError(f"The longest gap must not be negative, but got {max_gap_hours=}.")
    open_time, present, values = _placed(bars)
    observed = present & (values["volume"] > 0)
    last_close = _filled_forward(values["close"], observed)
    for name, value in values.items():
        values[name] = np.where(observed, value, 0.0 if name == "volume" else last_close)
    limit = max(1, int(max_gap_hours * 3600 / bars.interval.seconds))
    is_usable = (_gap_length(observed) <= limit) & np.isfinite(last_close)  # (T, N)
    return BarGrid(
        interval=bars.interval,
        symbols=bars.symbols,
        dataset_digest=bars.digest,
        open_time=open_time,
        present=present,
        observed=observed,
        segment=_segments(np.asarray(is_usable.all(axis=1))),
        **values,
    )


def gap_report(grid: BarGrid) -> pl.DataFrame:
    """Count what is missing, one row per symbol.

    Returns:
        Columns symbol, n_missing_bars (no bar), n_zero_volume_bars (a bar without a trade) and
        longest_gap_bars (longest run of either).
    """
    return pl.DataFrame(
        {
            "symbol": grid.symbols,
            "n_missing_bars": (~grid.present).sum(axis=0),
            "n_zero_volume_bars": (grid.present & ~grid.observed).sum(axis=0),
            "longest_gap_bars": _gap_length(grid.observed).max(axis=0),
        }
    )


def _placed(bars: Bars) -> tuple[IntArray, BoolArray, dict[str, FloatArray]]:
    step = bars.interval.seconds
    first, last = int(bars.start.timestamp()), int(bars.end.timestamp())
    open_time = np.arange(first, last + step, step, dtype=np.int64)
    row = (bars.frame["timestamp"].dt.epoch("s").to_numpy() - first) // step
    positions = list(range(len(bars.symbols)))
    column = bars.frame["symbol"].replace_strict(
        list(bars.symbols), positions, return_dtype=pl.Int64
    )
    shape = (len(open_time), len(bars.symbols))
    present = np.zeros(shape, dtype=np.bool_)
    present[row, column] = True
    values = {name: np.full(shape, np.nan) for name in VALUE_COLUMNS}
    for name, value in values.items():
        value[row, column] = bars.frame[name].to_numpy()
    return open_time, present, values


def _filled_forward(value: FloatArray, observed: BoolArray) -> FloatArray:
    rows = np.arange(len(value))[:, None]
    last_observed = np.maximum.accumulate(np.where(observed, rows, -1))  # (T, N)
    filled = np.take_along_axis(value, np.maximum(last_observed, 0), axis=0)
    return np.where(last_observed >= 0, filled, np.nan)


def _gap_length(observed: BoolArray) -> IntArray:
    """Length of the run of unobserved bars that each bar lies in, 0 where observed; (T, N)."""
    n_bars = len(observed)
    rows = np.arange(n_bars)[:, None]
    before = np.maximum.accumulate(np.where(observed, rows, -1))
    after = np.minimum.accumulate(np.where(observed, rows, n_bars)[::-1])[::-1]
    return np.where(observed, 0, after - before - 1)


def _segments(usable: BoolArray) -> IntArray:
    starts = usable & ~np.concatenate([[False], usable[:-1]])
    return np.where(usable, np.cumsum(starts) - 1, -1)
