import numpy as np
import pytest

from cappuccino_assets.features.basket import basket_bars
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.market.grid import BarGrid
from cappuccino_assets.market.intervals import Interval

N = 22


def grid(close, *, volume=None, observed=None):
    """Two coins that stand at 100 but for their last bars, and open at the previous close."""
    prices = np.full((N, 2), 100.0)
    prices[-len(close) :] = close
    previous = np.concatenate((prices[:1], prices[:-1]))
    observed = np.ones((N, 2), dtype=bool) if observed is None else observed
    return BarGrid(
        interval=Interval.H1,
        symbols=("BTC/USD", "ETH/USD"),
        dataset_digest="0" * 64,
        open_time=np.arange(N) * 3600,
        open=previous,
        high=np.maximum(prices, previous) * 1.02,
        low=np.minimum(prices, previous) * 0.99,
        close=prices,
        volume=np.ones((N, 2)) if volume is None else volume,
        present=observed,
        observed=observed,
        segment=np.zeros(N, dtype=np.int64),
    )


WHOLE = Block(start=0, stop=N)


def test_prices_grow_by_the_mean_of_the_coins_simple_ratios():
    bars, held = basket_bars(grid([[110.0, 80.0], [121.0, 88.0]]), WHOLE)
    assert held.tolist() == [False] * 19 + [True] * 3  # 20 bars make the first relative volume
    np.testing.assert_allclose(bars["close"], [1, 0.95, 0.95 * 1.1])
    np.testing.assert_allclose(bars["open"], [1, 1, 0.95])
    np.testing.assert_allclose(bars["high"], [1.02, (1.122 + 1.02) / 2, 0.95 * 1.122])
    np.testing.assert_allclose(bars["low"], [0.99, (0.99 + 0.792) / 2, 0.95 * 0.99])


def test_volume_is_the_mean_of_relative_volumes():
    volume = np.full((N, 2), 1.0)
    volume[-1] = [21.0, 1.0]
    bars, _ = basket_bars(grid([[100.0, 100.0]], volume=volume), WHOLE)
    assert bars["volume"][-1] == pytest.approx((21 / 2 + 1) / 2)


def test_a_coin_that_is_not_observed_does_not_count():
    observed = np.ones((N, 2), dtype=bool)
    observed[-2] = [True, False]
    bars, held = basket_bars(grid([[110.0, 100.0], [110.0, 90.0]], observed=observed), WHOLE)
    np.testing.assert_allclose(bars["close"][-2:], [1.1, 1.1 * 0.95])
    assert held[-2]


def test_where_no_coin_is_observed_there_is_no_bar():
    observed = np.ones((N, 2), dtype=bool)
    observed[-2] = False
    bars, held = basket_bars(grid([[100.0, 100.0], [110.0, 110.0]], observed=observed), WHOLE)
    assert held.tolist() == [False] * 19 + [True, False, True]
    assert bars["close"].to_list() == pytest.approx([1, 1.1])


def test_a_block_knows_nothing_of_the_bars_before_it():
    prices = grid([[110.0, 80.0]])
    bars, held = basket_bars(prices, Block(start=1, stop=N))
    assert held.tolist() == [False] * 19 + [True] * 2
    np.testing.assert_allclose(bars["close"], [1, 0.95])
