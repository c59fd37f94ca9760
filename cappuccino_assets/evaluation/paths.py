"""Backtest paths: histories stitched from one test result per group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestPath:
    """One out-of-sample history; stitched in returns, never in prices.

    Attributes:
        number: Position among the paths, from 0.
        open_time: Open of each bar, UTC epoch seconds, shape (T,), ascending.
        bot_returns: Simple return of the agent's equity per bar, shape (T,).
        hodl_returns: That of equal-weight buy and hold, bought at each block's start.
    """

    number: int
    open_time: IntArray
    bot_returns: FloatArray
    hodl_returns: FloatArray


def backtest_paths(splits: Sequence[Sequence[BlockResult]]) -> list[BacktestPath]:
    """Stitch the paths of a cross-validation.

    Path p takes of each group the p-th split that tests it.

    Args:
        splits: Results of each split's test blocks, splits in order.

    Returns:
        As many paths as there are tests of each group.

    Raises:
        ValueError: If the groups are not tested equally often.
    """
    groups = sorted({result.group for results in splits for result in results})
    tests = {
        group: [each for results in splits if (each := _of_group(results, group))]
        for group in groups
    }
    n_paths = {len(results) for results in tests.values()}
    if len(n_paths) != 1:
        raise ValueError(f"Every group must be tested equally often, but got {n_paths}.")
    return [
        _stitched(number, [block for group in groups for block in tests[group][number]])
        for number in range(n_paths.pop())
    ]


def _of_group(results: Sequence[BlockResult], group: int) -> list[BlockResult]:
    return [result for result in results if result.group == group]


def _stitched(number: int, blocks: Sequence[BlockResult]) -> BacktestPath:
    return BacktestPath(
        number=number,
        open_time=np.concatenate([block.open_time for block in blocks]),
        bot_returns=np.concatenate([block.bot_returns for block in blocks]),
        hodl_returns=np.concatenate([block.hodl_returns for block in blocks]),
    )
