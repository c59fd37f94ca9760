from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.tuning.judgement import SplitResult, judge, returns_frame, summary

SPLIT = Split(
    number=1,
    test_groups=(0, 2),
    test_blocks=((0, Block(start=0, stop=3)), (2, Block(start=6, stop=9))),
    train_blocks=(Block(start=3, stop=6),),
)
H4_YEAR = 2190  # bars in 365 days


def block(group: int, bot: list[float], hodl: list[float], **changes: object) -> BlockResult:
    result = BlockResult(
        group=group,
        open_time=14_400 * (3 * group + np.arange(1, len(bot) + 1)),
        bot_returns=np.array(bot),
        hodl_returns=np.array(hodl),
        n_trades=2,
        fees_usd=1.5,
        turnover=0.5,
        exposure=0.25,
    )
    return replace(result, **changes)


TESTS = [block(0, [0.01, 0.03], [0.0, 0.02]), block(2, [0.03, 0.01], [0.02, 0.0], exposure=0.75)]
HOLDERS = [
    block(0, [0.02, 0.0], [0.0, 0.0]),
    block(1, [9.0, 9.0], [0.0, 0.0]),
    block(2, [0.0, 0.02], [0.0, 0.0]),
]


def judged(tests: list[BlockResult] = TESTS) -> SplitResult:
    return judge(SPLIT, tests, HOLDERS, interval=Interval.H4)


def test_a_split_is_measured_over_all_its_blocks() -> None:
    result = judged()

    # bot: mean 0.02, deviations 0.01 each: std sqrt(4e-4 / 3); hodl: mean 0.01, the same std
    std = np.sqrt(4e-4 / 3)
    assert result.sharpe_bot == pytest.approx(0.02 / std * np.sqrt(H4_YEAR))
    assert result.sharpe_hodl == pytest.approx(0.01 / std * np.sqrt(H4_YEAR))
    assert result.sharpe_hodl_cycled == pytest.approx(0.01 / std * np.sqrt(H4_YEAR))
    assert result.total_return == pytest.approx(1.01 * 1.03 * 1.03 * 1.01 - 1)
    assert (result.n_bars, result.n_trades, result.fees_usd) == (4, 4, 3.0)
    assert result.turnover == pytest.approx(1.0 * 6 / 4)  # per day of six bars
    assert result.exposure == pytest.approx(0.5)
    assert not result.no_trades


def test_a_split_without_a_trade_has_a_sharpe_ratio_of_zero_and_says_so() -> None:
    idle = [block(0, [0.0, 0.0], [0.0, 0.02], n_trades=0), block(2, [0.0], [0.01], n_trades=0)]

    result = judged(idle)
    told = summary([replace(judged(), split=0), result], n_splits=2)

    assert (result.sharpe_bot, result.no_trades) == (0.0, True)
    assert told["flags"] == ["no_trades"]
    assert told["splits"][1]["no_trades"] is True


def test_incident_06_any_other_undefined_value_fails_the_trial() -> None:
    with pytest.raises(TrialFailedError, match="Split 1: A Sharpe ratio needs returns that vary"):
        judged([block(0, [0.01, 0.01], [0.0, 0.02])])
    with pytest.raises(TrialFailedError, match="Split 1"):
        judged([block(0, [0.01, 0.02], [0.0, 0.0])])
    with pytest.raises(TrialFailedError, match="finite"):
        judged([block(0, [0.01, float("nan")], [0.0, 0.1])])


def test_the_summary_scores_all_splits() -> None:
    first = replace(judged(), split=0, sharpe_bot=1.0, sharpe_hodl=0.0, sharpe_hodl_cycled=-1.0)
    second = replace(judged(), split=1, sharpe_bot=3.0, sharpe_hodl=1.0, sharpe_hodl_cycled=-2.0)

    told = summary([first, second], n_splits=2)

    assert told["score"] == pytest.approx(2 - 0.5 - 0.1 * 1)
    assert (told["sharpe_bot"], told["sharpe_hodl"]) == (2.0, 0.5)
    assert told["sharpe_hodl_cycled"] == -1.5
    assert told["n_bars_evaluated"] == 8
    assert told["flags"] == []
    assert told["splits"][1]["test_groups"] == [0, 2]


def test_incident_16_a_missing_split_fails_the_trial() -> None:
    with pytest.raises(TrialFailedError, match="All 3 splits must finish, but got 2"):
        summary([replace(judged(), split=0), replace(judged(), split=1)], n_splits=3)
    with pytest.raises(TrialFailedError, match="All 2 splits"):
        summary([replace(judged(), split=0), replace(judged(), split=0)], n_splits=2)


def test_returns_are_kept_bar_by_bar() -> None:
    frame = returns_frame([SPLIT], [TESTS])

    assert frame.columns == ["split", "group", "open_time", "bot_return", "hodl_return"]
    assert frame["split"].to_list() == [1, 1, 1, 1]
    assert frame["group"].to_list() == [0, 0, 2, 2]
    assert frame["open_time"].to_list()[0] == datetime(1970, 1, 1, 4, tzinfo=UTC)
    assert frame["bot_return"].to_list() == [0.01, 0.03, 0.03, 0.01]
    assert frame["hodl_return"].to_list() == [0.0, 0.02, 0.02, 0.0]
