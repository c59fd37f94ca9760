from math import log

import numpy as np
import polars as pl
import pytest
import talib

from cappuccino_assets.features.indicators import (
    INDICATOR_NAMES,
    RECURSIVE_MEMORY_BARS,
    cci,
    dx,
    indicators,
    macd,
    rsi,
)
from cappuccino_assets.market.intervals import Interval

VALUES = ["open", "high", "low", "close", "volume"]


def one_symbol(bars):
    return bars.frame.filter(pl.col("symbol") == "BTC/USD", pl.col("volume") > 0).select(VALUES)


def flat(n_bars):
    return pl.DataFrame({name: [5.0] * n_bars for name in VALUES})


def assert_like_talib(bars):
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    line, signal = macd(bars["close"])
    expected = talib.MACD(close, 12, 26, 9)
    for ours, theirs in [
        (line, expected[0]),
        (signal, expected[1]),
        (line - signal, expected[2]),
        (rsi(bars["close"]), talib.RSI(close, 14)),
        (cci(bars), talib.CCI(high, low, close, 14)),
        (dx(bars), talib.DX(high, low, close, 14)),
    ]:
        values = ours.to_numpy()
        assert np.isfinite(theirs[33:]).all()
        np.testing.assert_allclose(values[33:], theirs[33:], rtol=0, atol=1e-6)


def test_indicators_agree_with_talib_from_their_first_values(plain_bars):
    assert_like_talib(one_symbol(plain_bars))


def test_indicators_agree_with_talib_on_real_hours(real_bars):
    bars = real_bars("mit_binance_1h_2021-01_2021-06.parquet", Interval.H1)
    assert_like_talib(one_symbol(bars))


def test_columns_are_the_eleven_in_order_each_on_its_own_scale(plain_bars):
    bars = one_symbol(plain_bars)
    table = indicators(bars)
    assert table.columns == list(INDICATOR_NAMES)
    line, signal = macd(bars["close"])
    row, last = table.row(-1, named=True), bars.row(-1, named=True)
    assert row["macd"] == pytest.approx(line[-1] / last["close"])
    assert row["macd_signal"] == pytest.approx(signal[-1] / last["close"])
    assert row["macd_hist"] == pytest.approx((line[-1] - signal[-1]) / last["close"])
    assert row["rsi"] == pytest.approx(rsi(bars["close"])[-1] / 50 - 1)
    assert row["cci"] == pytest.approx(cci(bars)[-1] / 100)
    assert row["dx"] == pytest.approx(dx(bars)[-1] / 100)


def test_prices_are_log_ratios_to_the_previous_close():
    bars = pl.concat([flat(1), pl.DataFrame([[6.0], [10.0], [2.5], [5.0], [1.0]], schema=VALUES)])
    row = indicators(bars).row(1, named=True)
    assert row["open"] == pytest.approx(log(1.2))
    assert row["high"] == pytest.approx(log(2))
    assert row["low"] == pytest.approx(-log(2))
    assert row["close"] == 0


def test_volume_is_the_log_ratio_to_the_mean_of_20_bars():
    bars = flat(20).with_columns(volume=pl.Series([1.0] * 19 + [21.0]))
    table = indicators(bars)
    assert table["volume"][18] is None
    assert table["volume"][19] == pytest.approx(log(21 / 2))  # (19 + 21) / 20 = 2


def test_levels_do_not_matter(plain_bars):
    bars = one_symbol(plain_bars)
    table = indicators(bars).drop_nulls().to_numpy()
    scaled = indicators(bars * 1000.0).drop_nulls().to_numpy()
    np.testing.assert_allclose(scaled, table, rtol=1e-8, atol=1e-9)


def test_a_price_that_has_never_moved_gives_numbers():
    row = indicators(flat(60)).row(-1, named=True)
    assert row == dict.fromkeys(INDICATOR_NAMES, 0.0) | {"rsi": -1.0}


def test_a_history_shorter_than_every_window_is_all_null():
    table = indicators(flat(12))
    assert table["macd"].null_count() == table["dx"].null_count() == 12


def test_what_is_older_than_the_memory_weighs_nothing(plain_bars):
    bars = one_symbol(plain_bars)
    recent = indicators(bars.tail(RECURSIVE_MEMORY_BARS + 1)).row(-1)
    np.testing.assert_allclose(recent, indicators(bars).row(-1), rtol=0, atol=1e-6)
