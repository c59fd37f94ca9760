"""Agents that trade at random: their range, and who stands where among them."""

import numpy as np
import pytest

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.performance import performance
from cappuccino_assets.evaluation.placebo import PlaceboRank, placebo_equity, placebo_rank
from cappuccino_assets.market.intervals import Interval

HOUR_S = 3600


def block(*returns: float, begins_h: int = 1, turnover: float = 0.5) -> BlockResult:
    n_bars = len(returns)
    return BlockResult(
        group=0,
        open_time=HOUR_S * np.arange(begins_h, begins_h + n_bars),
        bot_returns=np.array(returns),
        hodl_returns=np.linspace(-0.01, 0.02, n_bars),
        n_trades=1,
        fees_usd=1.0,
        turnover=turnover,
        exposure=0.5,
    )


def test_the_range_is_that_of_equity_compounded_over_the_blocks() -> None:
    # Returns of 0, 1, ..., 20 % in the first bar, and the same again in the second block.
    agents = [[block(p / 100, 0.0), block(p / 100, begins_h=9)] for p in range(21)]

    frame = placebo_equity(agents)

    assert frame.columns == ["block", "open_time", "low", "median", "high"]
    assert frame["block"].to_list() == [0, 0, 1]
    assert (frame["open_time"].dt.epoch("s") // HOUR_S).to_list() == [1, 2, 9]
    np.testing.assert_allclose(frame["low"], [1.01, 1.01, 1.01**2])  # 5 % of 21 are below
    np.testing.assert_allclose(frame["median"], [1.10, 1.10, 1.10**2])
    np.testing.assert_allclose(frame["high"], [1.19, 1.19, 1.19**2])


def test_equal_ones_count_as_good_and_the_agent_counts_as_one_of_the_lucky() -> None:
    agent = performance([block(0.02, 0.01, -0.01)], interval=Interval.H1)
    worse, better = [block(0.01, 0.0, -0.01)], [block(0.05, 0.01, -0.01)]
    wilder = [block(0.60, -0.50, 0.60)]  # ends higher, at a lower Sharpe ratio

    rank = placebo_rank(
        agent, [[block(0.02, 0.01, -0.01)], worse, better, wilder], interval=Interval.H1
    )

    assert (rank.n_agents, rank.n_as_good, rank.n_as_sharp) == (4, 3, 2)
    assert rank.chance == pytest.approx(4 / 5)
    assert rank.turnover == pytest.approx(0.5 * 24 / 3)
    assert rank.median_return == pytest.approx(
        (1.02 * 1.01 * 0.99 + 1.05 * 1.01 * 0.99) / 2 - 1, abs=1e-12
    )
    assert PlaceboRank.from_json(rank.to_json()) == rank


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one agent"):
        PlaceboRank(n_agents=2, n_as_good=3, n_as_sharp=0, turnover=0.1, median_return=0.0)
