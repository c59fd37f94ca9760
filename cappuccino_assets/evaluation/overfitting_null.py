"""What the probability of backtest overfitting is where there is nothing to be found."""

import numpy as np

from cappuccino_assets.evaluation.overfitting import (
    BlockMoments,
    block_edges,
    overfitting_of_blocks,
)
from cappuccino_assets.types import FloatArray, IntArray


def pbo_of_noise(
    n_bars: int, n_trials: int, *, n_draws: int, random: np.random.Generator, n_blocks: int = 16
) -> FloatArray:
    """Draw studies without any skill, and find the PBO of each.

    All returns are independent and normal. Only the moments of blocks are drawn, with the exact
    distribution that those of such returns have, so that the cost does not grow with the bars.
    What all trials share, as a market's moves, changes little. But trials that resemble each other
    in clusters, as a sampler makes them, are fewer than they look, and their PBO without skill is
    spread wider than this: `bench/evidence.py`.

    Args:
        n_bars: Bars of the history, T, at least two a block.
        n_trials: Trials of a study, N, at least two.
        n_draws: Studies to draw.
        random: Source of the draws.
        n_blocks: Number of blocks, even.

    Returns:
        The PBO of each study, shape (n_draws,), in no order. At 50 trials their mean is about
        0.485 and their standard deviation about 0.17.

    Raises:
        ValueError: If there are too few bars, trials or draws, or the blocks cannot be halved.
    """
    if n_blocks < 2 or n_blocks % 2 or n_bars < 2 * n_blocks:
        raise ValueError(f"An even number of blocks of 2 bars, but got {n_blocks=} of {n_bars=}.")
    if n_trials < 2 or n_draws < 1:
        raise ValueError(f"2 trials a study, 1 study at least, but got {n_trials=}, {n_draws=}.")
    n_block_bars = np.diff(block_edges(n_bars, n_blocks))
    return np.array(
        [
            overfitting_of_blocks(moments_of_noise(n_block_bars, n_trials, random)).pbo
            for _ in range(n_draws)
        ]
    )


def moments_of_noise(n_bars: IntArray, n_trials: int, random: np.random.Generator) -> BlockMoments:
    """Draw the moments of blocks of independent standard normal returns.

    Args:
        n_bars: Bars of each block, shape (S,), at least two.
        n_trials: Trials, N.
        random: Source of the draws.

    References:
        Cochran, "The Distribution of Quadratic Forms in a Normal System" (1934): the mean of normal
        values and their chi-squared variance do not depend on each other.
    """
    shape = (len(n_bars), n_trials)
    column = n_bars[:, None]
    mean = random.standard_normal(shape) / np.sqrt(column)
    variance = random.chisquare(column - 1, shape) / column
    return BlockMoments(
        n_bars=n_bars, mean=mean, mean_square=variance + np.square(mean), bars_per_year=1.0
    )
