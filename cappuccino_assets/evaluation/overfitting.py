"""How likely the best of many trials was the best by chance."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from cappuccino_assets.types import FloatArray, IntArray

_MIN_BLOCK_BARS = 2
_MIN_RELATIVE_VARIANCE = 1e-12  # of the mean square; less than this is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockMoments:
    """Of each block of a history all that a Sharpe ratio needs.

    Attributes:
        n_bars: Bars of each block, shape (S,); S is even.
        mean: Mean return of each block and trial, shape (S, N).
        mean_square: Mean of the squared returns, shape (S, N).
        bars_per_year: Bars in 365 days.
    """

    n_bars: IntArray
    mean: FloatArray
    mean_square: FloatArray
    bars_per_year: float

    @classmethod
    def from_returns(
        cls, returns: FloatArray, *, bars_per_year: float, n_blocks: int
    ) -> "BlockMoments":
        """Cut a history into contiguous blocks whose lengths differ by a bar at most.

        Args:
            returns: Simple returns per bar of each trial, shape (T, N).
            bars_per_year: Bars in 365 days.
            n_blocks: Number of blocks S, even.

        Raises:
            ValueError: If a return is not finite or below -1, there are fewer than two trials or
                two bars a block, or `n_blocks` is no positive even number.
        """
        _require_matrix(returns, n_blocks)
        edges = block_edges(len(returns), n_blocks)
        n_bars = np.diff(edges)
        return cls(
            n_bars=n_bars,
            mean=np.add.reduceat(returns, edges[:-1]) / n_bars[:, None],
            mean_square=np.add.reduceat(np.square(returns), edges[:-1]) / n_bars[:, None],
            bars_per_year=bars_per_year,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestOverfitting:
    """How the best trial in one half of the history does in the other half.

    Attributes:
        logits: Log odds of its rank there per combination of blocks, shape (C,). Positive above the
            median of all trials, 0 at it.
        selected: Column of the trial that was best in sample, shape (C,).
        in_sample: Its annualised Sharpe ratio where it was selected, shape (C,).
        out_of_sample: Its annualised Sharpe ratio in the other half, shape (C,).
    """

    logits: FloatArray
    selected: IntArray
    in_sample: FloatArray
    out_of_sample: FloatArray

    @property
    def n_combinations(self) -> int:
        """Ways to choose the half in which the best is sought, C."""
        return len(self.logits)

    @property
    def pbo(self) -> float:
        """Share of combinations whose best is at the median of the others' half or below."""
        return float((self.logits <= 0).mean())

    @property
    def loss_probability(self) -> float:
        """Share of combinations whose best has a negative Sharpe ratio in the other half."""
        return float((self.out_of_sample < 0).mean())

    def degradation(self) -> "PerformanceDegradation":
        """Fit what a Sharpe ratio in sample was worth out of sample, by least squares.

        Raises:
            ValueError: If all combinations have the same Sharpe ratio in sample.
        """
        if np.ptp(self.in_sample) == 0:
            raise ValueError(f"A slope needs Sharpe ratios that vary: all are {self.in_sample[0]}.")
        slope, intercept = np.polyfit(self.in_sample, self.out_of_sample, 1)
        return PerformanceDegradation(slope=float(slope), intercept=float(intercept))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceDegradation:
    """The line out_of_sample = intercept + slope x in_sample, in annualised Sharpe ratios.

    The two halves share one history, so what one gains the other lacks: without any skill the
    slope is negative as a rule, and a negative one is no evidence against skill either.
    """

    slope: float
    intercept: float


def probability_of_backtest_overfitting(
    returns: FloatArray, *, bars_per_year: float, n_blocks: int = 16
) -> BacktestOverfitting:
    """Estimate by combinatorially symmetric cross-validation what a selection is worth.

    The history is cut into contiguous blocks whose lengths differ by a bar at most. Every choice
    of half of them is a sample in which the trial of the highest Sharpe ratio is selected; its
    rank by Sharpe ratio among all trials in the other half gives a logit.

    Trials of equal Sharpe ratios share the mean of their ranks out of sample, so a set of copies
    has logits of 0, which count as overfitting. Of equal ones in sample the first is selected.

    Args:
        returns: Simple returns per bar of each trial, shape (T, N).
        bars_per_year: Bars in 365 days; no rank depends on it.
        n_blocks: Number of blocks, even.

    Returns:
        One selection per choice of blocks, in lexicographic order.

    Raises:
        ValueError: If a return is not finite or below -1, there are fewer than two trials or two
            bars a block, `n_blocks` is no positive even number, or the returns of a trial do not
            vary in some half, so that there its Sharpe ratio is undefined.

    References:
        Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest Overfitting",
        Journal of Computational Finance (2017), sections 2.2 and 3.
    """
    return overfitting_of_blocks(
        BlockMoments.from_returns(returns, bars_per_year=bars_per_year, n_blocks=n_blocks)
    )


def overfitting_of_blocks(blocks: BlockMoments) -> BacktestOverfitting:
    """Select and rank as `probability_of_backtest_overfitting` does, from moments of blocks.

    Raises:
        ValueError: If the returns of a trial do not vary in some half.
    """
    in_sample = _half_sharpe_ratios(blocks)
    out_of_sample = in_sample[::-1]  # the complement of the i-th choice is the i-th from the end
    best = in_sample.argmax(axis=1)[:, None]
    rank = _ranks_of(out_of_sample, best)
    return BacktestOverfitting(
        logits=np.log(rank / (in_sample.shape[1] + 1 - rank)),
        selected=best[:, 0],
        in_sample=np.take_along_axis(in_sample, best, axis=1)[:, 0],
        out_of_sample=np.take_along_axis(out_of_sample, best, axis=1)[:, 0],
    )


def block_edges(n_bars: int, n_blocks: int) -> IntArray:
    """First bar of each block, and the bar after the last block, shape (S + 1,)."""
    edges: IntArray = np.arange(n_blocks + 1) * n_bars // n_blocks
    return edges


def _half_sharpe_ratios(blocks: BlockMoments) -> FloatArray:
    """Annualised Sharpe ratio of each trial in each choice of half of the blocks, shape (C, N)."""
    weights = _choices(len(blocks.n_bars)) * blocks.n_bars
    n_bars = weights.sum(axis=1, keepdims=True)
    mean = weights @ blocks.mean / n_bars
    mean_square = weights @ blocks.mean_square / n_bars
    variance = mean_square - np.square(mean)
    _require_variance(variance, mean_square)
    deviation = np.sqrt(variance * n_bars / (n_bars - 1))
    sharpe_ratios: FloatArray = mean / deviation * np.sqrt(blocks.bars_per_year)
    return sharpe_ratios


@lru_cache(maxsize=2)
def _choices(n_blocks: int) -> FloatArray:
    """Which blocks each choice holds, as zeros and ones, shape (C, S); not to be written to."""
    blocks = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    chosen = np.zeros((len(blocks), n_blocks))
    np.put_along_axis(chosen, blocks, 1.0, axis=1)
    chosen.setflags(write=False)
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
