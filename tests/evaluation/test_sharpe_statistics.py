from math import inf, nan, sqrt

import numpy as np
import pytest
from skfolio import measures as skfolio

from cappuccino_assets.evaluation.sharpe_statistics import (
    SharpeEstimate,
    deflated_sharpe_ratio,
    expected_max_sharpe_ratio,
    min_track_record_bars,
    probabilistic_sharpe_ratio,
)

# The example of Bailey and López de Prado (2014), which counts 250 days a year.
EXAMPLE = SharpeEstimate(sharpe_ratio=2.5, n_bars=1250, skew=-3.0, kurtosis=10.0, bars_per_year=250)


@pytest.mark.parametrize(("n_trials", "luck", "dsr"), [(46, 0.1004, 0.9505), (100, 0.1132, 0.9004)])
def test_the_published_example(n_trials: int, luck: float, dsr: float) -> None:
    expected = expected_max_sharpe_ratio(n_trials=n_trials, variance=0.5)

    assert round(expected / sqrt(250), 4) == luck
    assert round(deflated_sharpe_ratio(EXAMPLE, n_trials=n_trials, variance=0.5), 4) == dsr


@pytest.mark.parametrize(("skew", "kurtosis", "psr"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)])
def test_the_published_hedge_fund_of_24_months(skew: float, kurtosis: float, psr: float) -> None:
    fund = SharpeEstimate(
        sharpe_ratio=0.458 * sqrt(12), n_bars=24, skew=skew, kurtosis=kurtosis, bars_per_year=12
    )

    assert round(probabilistic_sharpe_ratio(fund), 3) == psr


@pytest.mark.parametrize(("per_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_published_track_records_of_2_above_1(per_year: int, years: float) -> None:
    estimate = SharpeEstimate(sharpe_ratio=2.0, n_bars=100, bars_per_year=per_year)

    n_bars = min_track_record_bars(estimate, benchmark=1.0)

    assert n_bars / per_year == pytest.approx(years, abs=1 / per_year)  # whole bars


@pytest.mark.parametrize(("skew", "kurtosis"), [(0.0, 3.0), (-2.0, 12.0), (1.5, 40.0)])
def test_a_track_record_is_the_shortest_that_is_certain_enough(
    skew: float, kurtosis: float
) -> None:
    def certainty(n_bars: int) -> float:
        estimate = SharpeEstimate(
            sharpe_ratio=1.7, n_bars=n_bars, skew=skew, kurtosis=kurtosis, bars_per_year=8760
        )
        return probabilistic_sharpe_ratio(estimate, benchmark=0.4)

    shape = SharpeEstimate(
        sharpe_ratio=1.7, n_bars=9, skew=skew, kurtosis=kurtosis, bars_per_year=8760
    )
    n_bars = min_track_record_bars(shape, benchmark=0.4, confidence=0.9)

    assert certainty(n_bars) >= 0.9 > certainty(n_bars - 1)


def heavy_returns() -> np.ndarray:
    random = np.random.default_rng(1)
    return 2e-4 + 0.004 * random.standard_t(4, 5_000) - 0.01 * random.exponential(0.3, 5_000)


def test_another_library_agrees() -> None:
    returns = heavy_returns()
    trials = np.random.default_rng(2).normal(0.0, 0.9, 37)  # annual
    estimate = SharpeEstimate.from_returns(returns, bars_per_year=8760)

    for annual in (0.0, -3.0, 5.0):
        assert probabilistic_sharpe_ratio(estimate, benchmark=annual) == pytest.approx(
            skfolio.probabilistic_sharpe_ratio(returns, annual / sqrt(8760)), rel=1e-9
        )
    assert expected_max_sharpe_ratio(n_trials=37, variance=0.81) == pytest.approx(
        skfolio.expected_max_sharpe_ratio(37, 0.9), rel=1e-9
    )
    assert deflated_sharpe_ratio(
        estimate, n_trials=37, variance=trials.var(ddof=1)
    ) == pytest.approx(skfolio.deflated_sharpe_ratio(returns, trials / sqrt(8760)), rel=1e-9)


def test_the_moments_by_hand() -> None:
    # Mean 0.01, deviations -0.01 three times and 0.03: standard deviation 0.02 with ddof 1. Of
    # ddof 0 it is sqrt(0.0003); the third moment is 6e-6, the fourth 21e-8.
    estimate = SharpeEstimate.from_returns(np.array([0.0, 0.0, 0.0, 0.04]), bars_per_year=4)

    assert estimate.sharpe_ratio == pytest.approx(0.01 / 0.02 * 2)
    assert estimate.skew == pytest.approx(6e-6 / 0.0003**1.5)
    assert estimate.kurtosis == pytest.approx(21e-8 / 0.0003**2)
    assert estimate.n_bars == 4


def test_incident_05_a_year_of_twice_the_bars_is_as_certain() -> None:
    once = SharpeEstimate(sharpe_ratio=2.0, n_bars=8761, bars_per_year=8760)
    twice = SharpeEstimate(sharpe_ratio=2.0, n_bars=17521, bars_per_year=17520)

    assert once.error == pytest.approx(1.0, rel=3e-4)
    assert twice.error == pytest.approx(once.error, rel=3e-4)


def test_the_error_is_the_spread_of_sharpe_ratios() -> None:
    random = np.random.default_rng(3)
    drawn = random.normal(0.02, 0.1, (20_000, 250))
    ratios = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1) * sqrt(250)

    estimate = SharpeEstimate(sharpe_ratio=0.2 * sqrt(250), n_bars=250, bars_per_year=250)

    assert estimate.error == pytest.approx(ratios.std(), rel=0.02)


def test_the_expected_maximum_is_about_that_of_draws() -> None:
    best = np.random.default_rng(4).normal(0.0, 2.0, (20_000, 60)).max(axis=1)

    assert expected_max_sharpe_ratio(n_trials=60, variance=4.0) == pytest.approx(
        best.mean(), rel=0.02
    )
    assert expected_max_sharpe_ratio(n_trials=1, variance=4.0) == 0.0


def test_more_trials_and_more_spread_deflate_more() -> None:
    ratios = [deflated_sharpe_ratio(EXAMPLE, n_trials=n, variance=0.5) for n in (1, 2, 10, 10**6)]
    spread = [deflated_sharpe_ratio(EXAMPLE, n_trials=46, variance=v) for v in (0.0, 0.1, 0.5, 2)]

    assert ratios == sorted(ratios, reverse=True)
    assert spread == sorted(spread, reverse=True)
    assert ratios[0] == spread[0] == probabilistic_sharpe_ratio(EXAMPLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sharpe_ratio": nan}, "must be finite"),
        ({"skew": inf}, "must be finite"),
        ({"kurtosis": nan}, "must be finite"),
        ({"n_bars": 2}, "At least 3 returns"),
        ({"bars_per_year": 0.0}, "A year has bars"),
        ({"bars_per_year": nan}, "A year has bars"),
        ({"kurtosis": 1.9, "skew": 1.0}, "No series has a kurtosis"),
    ],
)
def test_what_no_series_has_is_refused(change: dict[str, float], message: str) -> None:
    sound = {"sharpe_ratio": 1.0, "n_bars": 9, "bars_per_year": 250}

    with pytest.raises(ValueError, match=message):
        SharpeEstimate(**(sound | change))  # type: ignore[arg-type]


def test_an_undefined_value_raises() -> None:
    # Returns of two values only: 1 - skew x 1 + (kurtosis - 1) / 4 x 1 = 1 - 2 + 1.
    certain = SharpeEstimate(sharpe_ratio=1.0, n_bars=9, skew=2.0, kurtosis=5.0, bars_per_year=1)

    with pytest.raises(ValueError, match="error of this Sharpe ratio is undefined"):
        probabilistic_sharpe_ratio(certain)
    with pytest.raises(ValueError, match="benchmark must be finite"):
        probabilistic_sharpe_ratio(EXAMPLE, benchmark=nan)
    with pytest.raises(ValueError, match=r"is above 2\.5"):
        min_track_record_bars(EXAMPLE, benchmark=2.5)
    with pytest.raises(ValueError, match="is above nan"):
        min_track_record_bars(EXAMPLE, benchmark=nan)
    for confidence in (0.5, 1.0, nan):
        with pytest.raises(ValueError, match=r"in \(0.5, 1\)"):
            min_track_record_bars(EXAMPLE, confidence=confidence)
    with pytest.raises(ValueError, match="at least one trial"):
        expected_max_sharpe_ratio(n_trials=0, variance=1.0)
    for variance in (-0.1, nan, inf):
        with pytest.raises(ValueError, match="variance is finite"):
            deflated_sharpe_ratio(EXAMPLE, n_trials=3, variance=variance)


@pytest.mark.parametrize("bad", [nan, inf, -1.01])
def test_incident_07_a_return_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and at least -1"):
        SharpeEstimate.from_returns(np.array([0.1, bad, 0.2]), bars_per_year=250)
    with pytest.raises(ValueError, match="vary"):
        SharpeEstimate.from_returns(np.zeros(9), bars_per_year=250)
