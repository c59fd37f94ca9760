from math import inf, nan, sqrt

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy.stats import ks_2samp

from cappuccino_assets.evaluation.stationary_bootstrap import resampled_rows, stationary_bootstrap
from cappuccino_assets.types import FloatArray


def rows(n_bars: int, mean_block_bars: float, *, n_draws: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return resampled_rows(n_bars, mean_block_bars=mean_block_bars, n_draws=n_draws, random=random)


def means(series: FloatArray, mean_block_bars: float, *, n_draws: int, seed: int = 0) -> FloatArray:
    return stationary_bootstrap(
        series,
        lambda resamples: resamples.mean(axis=-1).T,
        mean_block_bars=mean_block_bars,
        n_draws=n_draws,
        random=np.random.default_rng(seed),
    )


def test_rows_follow_each_other_until_a_block_ends() -> None:
    drawn = rows(500, 20.0, n_draws=400)

    follows = (np.diff(drawn, axis=1) % 500) == 1
    # A new block also begins at the next row once in 500.
    assert follows.mean() == pytest.approx(1 - (1 / 20) * (1 - 1 / 500), abs=0.001)
    assert set(np.unique(drawn)) == set(range(500))
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, 1 / 500, rtol=0.5)


def test_a_block_goes_on_at_the_beginning() -> None:
    drawn = rows(10, 1e9, n_draws=50)

    for each in drawn:  # one block, from anywhere
        np.testing.assert_array_equal(each, (each[0] + np.arange(10)) % 10)
    assert len(set(drawn[:, 0])) == 10


def test_blocks_of_one_bar_are_drawn_one_by_one() -> None:
    drawn = rows(50, 1.0, n_draws=2_000)

    follows = (np.diff(drawn, axis=1) % 50) == 1
    assert follows.mean() == pytest.approx(1 / 50, abs=0.002)


def test_draws_do_not_depend_on_each_other() -> None:
    drawn = rows(100, 50.0, n_draws=5_000)

    continued = (drawn[1:, 0] - drawn[:-1, -1]) % 100 == 1
    assert continued.mean() == pytest.approx(0.01, abs=0.005)


def test_the_variance_of_a_mean_is_the_published_one() -> None:
    # Politis and Romano (1994), lemma 1: circular autocovariances, weighted by how likely a block
    # still lasts.
    series = np.cumsum(np.random.default_rng(1).normal(size=60)) / 10
    n, p = len(series), 1 / 7
    centred = series - series.mean()
    circular = [centred @ np.roll(centred, -lag) / n for lag in range(n)]
    weights = [(1 - k / n) * (1 - p) ** k + (k / n) * (1 - p) ** (n - k) for k in range(1, n)]
    expected = (circular[0] + np.dot(weights, circular[1:])) / n

    drawn = means(series[:, None], 7.0, n_draws=40_000)[:, 0]

    assert drawn.var() == pytest.approx(expected, rel=0.03)
    assert drawn.mean() == pytest.approx(series.mean(), abs=4 * sqrt(expected / 40_000))


def test_another_library_agrees() -> None:
    series = np.cumsum(np.random.default_rng(2).normal(size=80)) / 10
    theirs = StationaryBootstrap(9, series, seed=3).apply(np.mean, 4_000)[:, 0]

    ours = means(series[:, None], 9.0, n_draws=4_000)[:, 0]

    assert ks_2samp(ours, theirs).pvalue > 0.01


def test_all_columns_of_a_bar_stay_together() -> None:
    column = np.random.default_rng(4).normal(size=40)

    drawn = means(np.stack([column, -3.0 * column], axis=1), 5.0, n_draws=100)

    np.testing.assert_allclose(drawn[:, 1], -3.0 * drawn[:, 0], rtol=1e-12)


def test_many_bars_are_drawn_a_few_histories_at_a_time() -> None:
    seen: list[int] = []

    def size(resamples: FloatArray) -> FloatArray:
        seen.append(resamples.shape[1])
        return resamples[0, :, :1]

    drawn = stationary_bootstrap(
        np.zeros((300_000, 1)), size, mean_block_bars=9, n_draws=7, random=np.random.default_rng(0)
    )

    assert seen == [3, 3, 1]
    assert drawn.shape == (7, 1)


def test_a_seed_gives_the_same_draws() -> None:
    series = np.random.default_rng(5).normal(size=(40, 2))

    np.testing.assert_array_equal(means(series, 5.0, n_draws=9), means(series, 5.0, n_draws=9))
    assert (means(series, 5.0, n_draws=9) != means(series, 5.0, n_draws=9, seed=1)).any()


@pytest.mark.parametrize("mean_block_bars", [0.99, 0.0, nan, inf])
def test_a_block_has_a_bar(mean_block_bars: float) -> None:
    with pytest.raises(ValueError, match="at least one bar"):
        means(np.zeros((9, 1)), mean_block_bars, n_draws=2)


def test_a_series_that_is_none_is_refused() -> None:
    for series in (np.zeros(9), np.zeros((0, 1)), np.array([[0.1], [nan]])):
        with pytest.raises(ValueError, match="finite series"):
            means(series, 2.0, n_draws=2)
    with pytest.raises(ValueError, match="At least one resample"):
        means(np.zeros((9, 1)), 2.0, n_draws=0)
