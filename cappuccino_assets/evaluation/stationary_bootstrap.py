"""Histories that could as well have been: blocks of random length, drawn with replacement."""

from collections.abc import Callable

import numpy as np

from cappuccino_assets.types import FloatArray, IntArray

Statistics = Callable[[FloatArray], FloatArray]
_CHUNK_VALUES = 1 << 20  # rows drawn at once; what the cache and 100 MB can hold


def stationary_bootstrap(
    series: FloatArray,
    statistics: Statistics,
    *,
    mean_block_bars: float,
    n_draws: int,
    random: np.random.Generator,
) -> FloatArray:
    """Compute statistics of resampled histories.

    A resample is as long as the history. Blocks begin at any bar, have geometric lengths, and go on
    at the first bar after the last. All columns of a bar stay together.

    Args:
        series: Values per bar, shape (T, K).
        statistics: Maps resamples, shape (K, b, T), to statistics, shape (b, Q); they are given
            some at a time.
        mean_block_bars: Mean length of a block, at least 1 (bars are drawn one by one).
        n_draws: Number of resamples, B.
        random: Source of the draws.

    Returns:
        Statistics, shape (B, Q).

    Raises:
        ValueError: If the series is no table of finite values, or an argument is out of range.

    References:
        Politis and Romano, "The Stationary Bootstrap", JASA (1994).
    """
    if series.ndim != 2 or not len(series) or not np.isfinite(series).all():
        raise ValueError(f"A finite series (bars, columns) is needed, but got {series.shape}.")
    if n_draws < 1:
        raise ValueError(f"At least one resample is drawn, but got {n_draws=}.")
    n_bars = len(series)
    chunk = max(1, _CHUNK_VALUES // n_bars)
    sizes = [min(chunk, n_draws - done) for done in range(0, n_draws, chunk)]
    drawn = (
        resampled_rows(n_bars, mean_block_bars=mean_block_bars, n_draws=size, random=random)
        for size in sizes
    )
    columns = np.ascontiguousarray(series.T)  # (K, T): sums over bars run along the memory
    return np.concatenate([statistics(columns[:, rows]) for rows in drawn])


def resampled_rows(
    n_bars: int, *, mean_block_bars: float, n_draws: int, random: np.random.Generator
) -> IntArray:
    """Draw the rows of resampled histories, shape (B, T); see `stationary_bootstrap`.

    Raises:
        ValueError: If the mean block is shorter than a bar.
    """
    if not 1 <= mean_block_bars < float("inf"):
        raise ValueError(f"A block has at least one bar, but got {mean_block_bars=}.")
    begins = random.random((n_draws, n_bars), dtype=np.float32) < 1.0 / mean_block_bars
    begins[:, 0] = True
    number = np.arange(n_bars)
    first = np.maximum.accumulate(np.where(begins, number, 0), axis=1)  # of the bar's block
    start = np.zeros((n_draws, n_bars), np.int64)
    start[begins] = random.integers(n_bars, size=int(begins.sum()))
    rows: IntArray = np.take_along_axis(start, first, axis=1) + number - first
    return rows % n_bars
