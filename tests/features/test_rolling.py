from math import log

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.features.rolling import longest_window_bars, rolling_features
from cappuccino_assets.market.intervals import Interval

WEEK, MONTH = 42, 180  # 4-hour bars


def grid(close, volume=None, observed=None):
    n_bars = len(close)
    columns = {"close": close, "volume": volume or [1.0] * n_bars}
    return pl.DataFrame(columns | {"observed": observed or [True] * n_bars})


def last(frame):
    return rolling_features(frame, Interval.H4).row(-1, named=True)


def test_values_are_log_ratios_to_the_means_of_full_windows():
    frame = grid([1.0] * (MONTH - 1) + [2.0], [3.0] * (MONTH - 1) + [6.0])
    table = rolling_features(frame, Interval.H4)
    assert table.columns == ["close_7d", "close_30d", "volume_7d", "volume_30d"]
    assert table["close_7d"].null_count() == WEEK - 1
    assert table["close_30d"].null_count() == MONTH - 1
    row = table.row(-1, named=True)
    week, month = log(2 / (43 / 42)), log(2 / (181 / 180))
    expected = {"close_7d": week, "close_30d": month, "volume_7d": week, "volume_30d": month}
    assert row == pytest.approx(expected)


def test_the_window_reaches_exactly_its_days_back():
    close = [1.0] * (MONTH + 10)
    outside, inside = close.copy(), close.copy()
    outside[-MONTH - 1] = 9.0
    inside[-MONTH] = 9.0
    assert last(grid(outside))["close_30d"] == pytest.approx(0, abs=1e-12)
    assert last(grid(inside))["close_30d"] == pytest.approx(-log(188 / 180))


def test_a_bar_that_is_not_observed_is_no_new_observation():
    close = [1.0] * (MONTH - 2) + [2.0, 2.0]  # the last one is filled
    row = last(grid(close, [4.0] * (MONTH - 1) + [0.0], [True] * (MONTH - 1) + [False]))
    assert row["close_7d"] == pytest.approx(log(2 / (42 / 41)))
    assert row["close_30d"] == pytest.approx(log(2 / (180 / 179)))
    assert row["volume_7d"] == row["volume_30d"] == pytest.approx(0)


def test_the_longest_window_is_30_days():
    assert longest_window_bars(Interval.H4) == MONTH
    assert longest_window_bars(Interval.M5) == 8640


def test_incident_45_no_bit_depends_on_what_follows():
    random = np.random.default_rng(0)
    close = np.round(100 * np.exp(0.01 * random.normal(size=1_000).cumsum()), 2)
    frame = grid(close.tolist(), np.exp(random.normal(size=1_000)).tolist())
    whole = rolling_features(frame, Interval.H4)
    for cut in range(MONTH, 1_000, 10):
        assert rolling_features(frame.head(cut), Interval.H4).equals(whole.head(cut))
