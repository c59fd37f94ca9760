from math import nan

import pytest

from cappuccino_assets.evaluation.certification import (
    noise_variance,
    smallest_certifiable_sharpe_ratio,
)
from cappuccino_assets.evaluation.sharpe_statistics import SharpeEstimate, deflated_sharpe_ratio


@pytest.mark.parametrize(
    ("years", "sharpe_ratio"), [(1.0, 3.99), (0.85, 4.33), (2.9, 2.34), (5.0, 1.78)]
)
def test_what_so_many_years_of_hourly_bars_can_show_after_60_trials(
    years: float, sharpe_ratio: float
) -> None:
    n_bars = round(8760 * years)

    found = smallest_certifiable_sharpe_ratio(
        n_bars=n_bars,
        bars_per_year=8760,
        n_trials=60,
        variance=noise_variance(n_bars=n_bars, bars_per_year=8760),
    )

    assert round(found, 2) == sharpe_ratio


@pytest.mark.parametrize(("skew", "kurtosis"), [(0.0, 3.0), (-3.0, 10.0), (4.0, 200.0)])
@pytest.mark.parametrize(("n_trials", "variance"), [(1, 1.0), (60, 0.0), (60, 0.5), (999, 9.0)])
@pytest.mark.parametrize("n_bars", [250, 8760])
def test_it_is_what_deflation_just_lets_pass(
    n_bars: int, n_trials: int, variance: float, skew: float, kurtosis: float
) -> None:
    found = smallest_certifiable_sharpe_ratio(
        n_bars=n_bars,
        bars_per_year=8760,
        n_trials=n_trials,
        variance=variance,
        skew=skew,
        kurtosis=kurtosis,
    )

    just = SharpeEstimate(
        sharpe_ratio=found, n_bars=n_bars, skew=skew, kurtosis=kurtosis, bars_per_year=8760
    )
    assert deflated_sharpe_ratio(just, n_trials=n_trials, variance=variance) == pytest.approx(0.95)


def test_few_and_wild_returns_can_show_nothing() -> None:
    with pytest.raises(ValueError, match="can show no Sharpe ratio"):
        smallest_certifiable_sharpe_ratio(
            n_bars=60, bars_per_year=250, n_trials=2, variance=1.0, kurtosis=100.0
        )
    with pytest.raises(ValueError, match="three at least"):
        smallest_certifiable_sharpe_ratio(n_bars=2, bars_per_year=250, n_trials=2, variance=1.0)
    with pytest.raises(ValueError, match="1 \\+ skew squared"):
        smallest_certifiable_sharpe_ratio(
            n_bars=99, bars_per_year=250, n_trials=2, variance=1.0, skew=2.0, kurtosis=4.9
        )


@pytest.mark.parametrize(("n_bars", "per_year"), [(1, 250.0), (9, 0.0), (9, nan)])
def test_luck_needs_bars_and_a_year(n_bars: int, per_year: float) -> None:
    with pytest.raises(ValueError, match="two bars and a year"):
        noise_variance(n_bars=n_bars, bars_per_year=per_year)
