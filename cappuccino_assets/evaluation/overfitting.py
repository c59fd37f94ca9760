"""How likely the best of many trials was the best by chance."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cappuccino_assets.types import FloatArray, IntArray

_MIN_BLOCK_BARS = 2
_MIN_RELATIVE_VARIANCE = 1e-12  # of the mean square; less than this is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestOverfitting:
    """Where the best trial in one half of the history ranks in the other half.

    Attributes:
        logits: Log odds of that rank per combination of blocks, shape (C,). Positive above the
            median of all trials, 0 at it.
    """

    logits: FloatArray

    @property
    def n_combinations(self) -> int:
        """Ways to choose the half in which the best is sought, C."""
        return len(self.logits)

    @property
    def pbo(self) -> float:
        """Share of combinations whose best is at the median of the others' half or below."""
        return float((self.logits <= 0).mean())


def probability_of_backtest_overfitting(
    returns: FloatArray, *, n_blocks: int = 16
) -> BacktestOverfitting:
    """Estimate by combinatorially symmetric cross-validation what a selection is worth.

    The history is cut into contiguous blocks whose lengths differ by a bar at most. Every choice
    of half of them is a sample in which the trial of the highest Sharpe ratio is selected; its
    rank by Sharpe ratio among all trials in the other half gives a logit.

    Trials of equal Sharpe ratios share the mean of their ranks out of sample, so a set of copies
    has logits of 0, which count as overfitting. Of equal ones in sample the first is selected.
    Sharpe ratios are only compared, so they are not annualised.

    Args:
        returns: Simple returns per bar of each trial, shape (T, N).
        n_blocks: Number of blocks, even.

    Returns:
        One logit per choice of blocks, in lexicographic order.

    Raises:
        ValueError: If a return is not finite or below -1, there are fewer than two trials or two
            bars a block, `n_blocks` is no positive even number, or the returns of a trial do not
            vary in some half, so that there its Sharpe ratio is undefined.

    References:
        Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest Overfitting",
        Journal of Computational Finance (2017), section 2.2.
    """
    _require_matrix(returns, n_blocks)
    in_sample = _half_sharpe_ratios(returns, n_blocks)
    out_of_sample = in_sample[::-1]  # the complement of the i-th choice is the i-th from the end
    best = in_sample.argmax(axis=1)[:, None]
    rank = _ranks_of(out_of_sample, best)
    return BacktestOverfitting(logits=np.log(rank / (returns.shape[1] + 1 - rank)))


def _half_sharpe_ratios(returns: FloatArray, n_blocks: int) -> FloatArray:
    """Sharpe ratio per bar of each trial in each choice of half of the blocks, shape (C, N)."""
    n_bars = len(returns)
    edges = np.arange(n_blocks + 1) * n_bars // n_blocks
    chosen = _choices(n_blocks)
    n = chosen @ np.diff(edges)[:, None]  # (C, 1)
    mean = chosen @ np.add.reduceat(returns, edges[:-1]) / n
    mean_square = chosen @ np.add.reduceat(np.square(returns), edges[:-1]) / n
    variance = mean_square - np.square(mean)
    _require_variance(variance, mean_square)
    sharpe_ratios: FloatArray = mean / np.sqrt(variance)  # ddof 0 or 1 is all one in a rank
    return sharpe_ratios


def _choices(n_blocks: int) -> FloatArray:
    """Which blocks each choice holds, as zeros and ones, shape (C, S)."""
    blocks = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    chosen = np.zeros((len(blocks), n_blocks))
    np.put_along_axis(chosen, blocks, 1.0, axis=1)
    return chosen


def _ranks_of(values: FloatArray, column: IntArray) -> FloatArray:
    """Rank of one column's value in each row, from 1 for the lowest; equal ones share a rank."""
    value = np.take_along_axis(values, column, axis=1)
    n_lower = (values < value).sum(axis=1)
    n_not_higher = (values <= value).sum(axis=1)
    ranks: FloatArray = (n_lower + 1 + n_not_higher) / 2
    return ranks


def _require_matrix(returns: FloatArray, n_blocks: int) -> None:
    if n_blocks < 2 or n_blocks % 2:
        raise ValueError(f"Blocks are halved, so 2, 4, 6, ... of them, but got {n_blocks=}.")
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError(
            f"Returns have shape (bars, trials) with at least 2 trials, but got {returns.shape}."
        )
    if len(returns) < _MIN_BLOCK_BARS * n_blocks:
        raise ValueError(
            f"Each of {n_blocks} blocks needs {_MIN_BLOCK_BARS} bars, so at least "
            f"{_MIN_BLOCK_BARS * n_blocks} in all, but got {len(returns)}."
        )
    if not np.isfinite(returns).all() or returns.min() < -1.0:
        raise ValueError("Simple returns must be finite and at least -1.")


def _require_variance(variance: FloatArray, mean_square: FloatArray) -> None:
    undefined = (variance <= _MIN_RELATIVE_VARIANCE * mean_square).any(axis=0)
    if undefined.any():
        raise ValueError(
            f"A Sharpe ratio needs returns that vary in every half of the blocks, "
            f"but those of trial {undefined.argmax()} do not."
        )
