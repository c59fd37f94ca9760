"""Sums over moving windows."""

import math

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.features.windows import rolling_mean, rolling_sum


def test_each_window_is_summed_once_it_is_full():
    sums = rolling_sum(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), 3)
    np.testing.assert_array_equal(sums, [np.nan, np.nan, 7.0, 14.0, 28.0])


def test_a_window_longer_than_the_history_is_never_full():
    assert np.isnan(rolling_sum(np.ones(3), 4)).all()
    assert rolling_sum(np.empty(0), 4).size == 0


def test_a_window_of_one_bar_is_the_bar():
    np.testing.assert_array_equal(rolling_sum(np.array([3.0, 5.0]), 1), [3.0, 5.0])


def test_a_window_without_rows_is_refused():
    with pytest.raises(ValueError, match="at least 1 bar"):
        rolling_sum(np.ones(3), 0)


@pytest.mark.parametrize("n_bars", [2, 14, 42, 180])
def test_incident_45_no_bit_depends_on_what_follows(n_bars):
    values = np.exp(np.random.default_rng(n_bars).normal(size=1_000, scale=3))
    whole = rolling_sum(values, n_bars)
    for cut in range(n_bars, 1_000):
        np.testing.assert_array_equal(
            rolling_sum(values[:cut], n_bars)[n_bars - 1 :], whole[n_bars - 1 : cut]
        )


def test_small_values_after_large_ones_keep_their_digits():
    values = np.concatenate([np.full(50, 1e12), np.full(50, 1e-3)])
    assert rolling_sum(values, 20)[-1] == pytest.approx(math.fsum(values[-20:]), rel=1e-15)


def test_a_mean_is_null_until_its_window_is_full():
    assert rolling_mean(pl.Series([1.0, 2.0, 6.0]), 2).to_list() == [None, 1.5, 4.0]
