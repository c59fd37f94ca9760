import numpy as np
import pytest
from scipy.stats import ks_2samp

from cappuccino_assets.evaluation.overfitting import probability_of_backtest_overfitting
from cappuccino_assets.evaluation.overfitting_null import moments_of_noise, pbo_of_noise
from cappuccino_assets.types import FloatArray


def draws(
    n_bars: int, n_trials: int, *, n_draws: int, n_blocks: int = 16, seed: int = 0
) -> FloatArray:
    random = np.random.default_rng(seed)
    return pbo_of_noise(n_bars, n_trials, n_draws=n_draws, random=random, n_blocks=n_blocks)


def test_incident_07_the_pbo_of_50_trials_of_noise() -> None:
    pbo = draws(8760, 50, n_draws=60)

    # Measured over 200 draws: 0.494 with a standard deviation of 0.163, so 0.021 for a mean of 60.
    assert pbo.mean() == pytest.approx(0.485, abs=0.065)
    assert pbo.std() == pytest.approx(0.17, abs=0.05)
    assert pbo.min() > 0.0


def test_drawing_moments_of_blocks_is_drawing_returns() -> None:
    random = np.random.default_rng(1)
    whole = [
        probability_of_backtest_overfitting(
            random.normal(0.0, 0.01, (50, 9)), bars_per_year=8760, n_blocks=8
        ).pbo
        for _ in range(1_000)
    ]

    moments = draws(50, 9, n_draws=1_000, n_blocks=8)

    assert ks_2samp(whole, moments).pvalue > 0.01
    assert np.mean(moments) == pytest.approx(np.mean(whole), abs=0.03)
    assert np.std(moments) == pytest.approx(np.std(whole), abs=0.02)


def test_the_moments_of_blocks_are_those_of_normal_returns() -> None:
    n_bars = np.array([3, 40])

    drawn = moments_of_noise(n_bars, 100_000, np.random.default_rng(2))

    np.testing.assert_allclose(drawn.mean.var(axis=1), 1 / n_bars, rtol=0.02)
    np.testing.assert_allclose(drawn.mean_square.mean(axis=1), 1.0, rtol=0.01)
    np.testing.assert_allclose(drawn.mean_square.var(axis=1), 2 / n_bars, rtol=0.04)
    assert (drawn.mean_square >= np.square(drawn.mean)).all()


def test_a_seed_gives_the_same_band() -> None:
    np.testing.assert_array_equal(draws(64, 5, n_draws=5, seed=3), draws(64, 5, n_draws=5, seed=3))
    assert (draws(64, 5, n_draws=5, seed=3) != draws(64, 5, n_draws=5, seed=4)).any()


@pytest.mark.parametrize(
    ("n_bars", "n_trials", "n_draws", "n_blocks"),
    [(31, 5, 9, 16), (64, 1, 9, 16), (64, 5, 0, 16), (64, 5, 9, 5), (64, 5, 9, 0)],
)
def test_a_band_needs_a_study(n_bars: int, n_trials: int, n_draws: int, n_blocks: int) -> None:
    with pytest.raises(ValueError, match="but got"):
        draws(n_bars, n_trials, n_draws=n_draws, n_blocks=n_blocks)
