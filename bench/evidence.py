"""Print what a history can show, what the PBO of luck is, and how right bootstrap intervals are."""

import numpy as np
from scipy.signal import lfilter

from cappuccino_assets.evaluation.bootstrap import return_intervals
from cappuccino_assets.evaluation.certification import (
    noise_variance,
    smallest_certifiable_sharpe_ratio,
)
from cappuccino_assets.evaluation.overfitting import probability_of_backtest_overfitting
from cappuccino_assets.evaluation.overfitting_null import pbo_of_noise

HOURLY = 8760
YEARS = (0.85, 1.0, 2.0, 2.9, 5.0, 10.0)
N_TRIALS = (1, 10, 60, 200, 1_000)
N_STUDIES = 100
N_SERIES = 300
N_BARS = 1_000
N_SHORT_BARS = 320
DRIFT = 0.05  # of the returns' innovations, in their standard deviations


def certifiable(years: float, n_trials: int) -> float:
    n_bars = round(HOURLY * years)
    return smallest_certifiable_sharpe_ratio(
        n_bars=n_bars,
        bars_per_year=HOURLY,
        n_trials=n_trials,
        variance=noise_variance(n_bars=n_bars, bars_per_year=HOURLY),
    )


def coverage(memory: float) -> float:
    """Share of 90 % intervals that hold the true Sharpe ratio of autoregressive returns."""
    truth = DRIFT * np.sqrt(1 - memory**2) * np.sqrt(HOURLY)
    random = np.random.default_rng(0)
    noise = random.normal(size=(N_SERIES, N_BARS + 200))
    series = 0.01 * (DRIFT + lfilter([1.0], [1.0, -memory], noise, axis=1)[:, 200:])
    hodl = random.normal(0.0, 0.01, N_BARS)
    found = (
        return_intervals(
            bot, hodl, bars_per_year=HOURLY, random=random, n_draws=400, confidence=0.9
        ).sharpe_ratio
        for bot in series
    )
    return float(np.mean([each.low <= truth <= each.high for each in found]))


def print_certifiable() -> None:
    print("Smallest annual Sharpe ratio with a deflated one of 0.95; hourly normal returns.")
    print("years " + "".join(f"{n:>7}" for n in N_TRIALS) + "  independent trials")
    for years in YEARS:
        print(f"{years:5.2f} " + "".join(f"{certifiable(years, n):7.2f}" for n in N_TRIALS))


def print_null_band() -> None:
    print(f"\nPBO of {N_STUDIES} studies of noise; 8,760 bars, 16 blocks.")
    print("trials   mean     sd     5 %    95 %   at most 0.2")
    for n_trials in (10, 50, 60, 200):
        random = np.random.default_rng(0)
        pbo = pbo_of_noise(HOURLY, n_trials, n_draws=N_STUDIES, random=random)
        low, high = np.quantile(pbo, [0.05, 0.95])
        share = (pbo <= 0.2).mean()
        print(
            f"{n_trials:6d} {pbo.mean():6.3f} {pbo.std():6.3f} {low:7.3f} {high:7.3f} {share:9.3f}"
        )


def pbo_of_clusters(random: np.random.Generator, *, shared: float) -> float:
    """PBO of 60 trials of noise, ten each in six clusters that share so much of their variance."""
    clusters = random.normal(size=(N_SHORT_BARS, 6)).repeat(10, axis=1)
    own = random.normal(size=(N_SHORT_BARS, 60))
    returns = 0.01 * (np.sqrt(shared) * clusters + np.sqrt(1 - shared) * own)
    return probability_of_backtest_overfitting(returns, bars_per_year=HOURLY).pbo


def print_clusters() -> None:
    print(f"\nPBO of {N_STUDIES} studies of noise; 60 trials in six clusters, {N_SHORT_BARS} bars.")
    print("correlation   mean     sd   at most 0.2")
    for shared in (0.0, 0.5, 0.9):
        random = np.random.default_rng(0)
        pbo = np.array([pbo_of_clusters(random, shared=shared) for _ in range(N_STUDIES)])
        print(f"{shared:11.1f} {pbo.mean():6.3f} {pbo.std():6.3f} {(pbo <= 0.2).mean():9.3f}")


def print_coverage() -> None:
    print(f"\nShare of 90 % intervals that hold the truth; {N_SERIES} series of {N_BARS} bars.")
    for memory in (0.0, 0.3, 0.6):
        print(f"autocorrelation {memory:.1f}: {coverage(memory):.3f}")


def main() -> None:
    print_certifiable()
    print_null_band()
    print_clusters()
    print_coverage()


if __name__ == "__main__":
    main()
