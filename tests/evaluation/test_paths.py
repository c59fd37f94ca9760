import numpy as np
import pytest

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.paths import backtest_paths


def block(group: int, split: int) -> BlockResult:
    """Two bars whose returns name their group and split."""
    return BlockResult(
        group=group,
        open_time=np.array([10 * group, 10 * group + 1]),
        bot_returns=np.array([group + split / 10, 0.0]),
        hodl_returns=np.array([-group, 0.0]),
        n_trades=1,
        fees_usd=0.0,
        turnover=0.0,
        exposure=0.0,
    )


SPLITS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_three_paths_use_every_test_result_once() -> None:
    paths = backtest_paths(
        [[block(group, split) for group in groups] for split, groups in enumerate(SPLITS)]
    )

    assert [path.bot_returns[::2].tolist() for path in paths] == [
        [0.0, 1.0, 2.1, 3.2],
        [0.1, 1.3, 2.3, 3.4],
        [0.2, 1.4, 2.5, 3.5],
    ]
    for path in paths:
        assert path.open_time.tolist() == [0, 1, 10, 11, 20, 21, 30, 31]
        assert path.hodl_returns[::2].tolist() == [0, -1, -2, -3]


def test_a_group_with_a_gap_keeps_all_its_blocks() -> None:
    paths = backtest_paths([[block(0, 0), block(0, 5)], [block(1, 1)]])

    assert [path.bot_returns.tolist() for path in paths] == [[0.0, 0.0, 0.5, 0.0, 1.1, 0.0]]


def test_groups_tested_unequally_often_make_no_paths() -> None:
    with pytest.raises(ValueError, match="equally often"):
        backtest_paths([[block(0, 0), block(1, 0)], [block(1, 1)]])
