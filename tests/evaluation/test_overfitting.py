from itertools import combinations
from math import comb, inf, log, nan

import numpy as np
import pytest

from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.evaluation.overfitting import (
    BacktestOverfitting,
    probability_of_backtest_overfitting,
)
from cappuccino_assets.types import FloatArray

HOURLY = 8760


def noise(n_bars: int, n_trials: int, *, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (n_bars, n_trials))


def overfitting(returns: FloatArray, *, n_blocks: int = 16) -> BacktestOverfitting:
    return probability_of_backtest_overfitting(returns, bars_per_year=HOURLY, n_blocks=n_blocks)


def test_incident_07_the_best_of_pure_noise_is_as_good_as_any_other_later() -> None:
    drawn = [overfitting(noise(160, 50, seed=seed)) for seed in range(60)]

    pbo = np.array([each.pbo for each in drawn])
    # Measured over these seeds: 0.481 with a standard deviation of 0.164, so 0.021 for the mean.
    assert pbo.mean() == pytest.approx(0.485, abs=0.065)
    assert pbo.std() == pytest.approx(0.17, abs=0.05)
    assert pbo.min() > 0.05
    assert {each.n_combinations for each in drawn} == {12_870}


def test_two_blocks_by_hand() -> None:
    # Per column two bars of block 0, then two of block 1. Mean / difference is proportional to the
    # Sharpe ratio: 1, -0.17, 0.83, 0.5 in block 0, and -1, 0.5, 1.5, 0.17 in block 1.
    columns = [
        [0.01, 0.03, -0.01, -0.03],
        [-0.02, 0.01, 0.00, 0.02],
        [0.01, 0.04, 0.01, 0.02],
        [0.00, 0.02, -0.01, 0.02],
    ]

    found = overfitting(np.array(columns).T, n_blocks=2)

    # The first is best in block 0 and last of 4 in block 1; the third is best there, third here.
    np.testing.assert_allclose(found.logits, [log(1 / 4), log(3 / 2)], rtol=1e-12)
    assert (found.n_combinations, found.pbo) == (2, 0.5)


@pytest.mark.parametrize(("n_bars", "n_blocks"), [(24, 4), (27, 6)])
def test_each_half_is_ranked_by_the_sharpe_ratios_of_its_own_bars(
    n_bars: int, n_blocks: int
) -> None:
    returns = noise(n_bars, 7, seed=3) + np.linspace(0.0, 0.01, 7)
    edges = [block * n_bars // n_blocks for block in range(n_blocks + 1)]
    bars = [set(range(edges[block], edges[block + 1])) for block in range(n_blocks)]
    expected = []
    for chosen in combinations(range(n_blocks), n_blocks // 2):
        inside = sorted(set.union(*(bars[block] for block in chosen)))
        outside = sorted(set(range(n_bars)) - set(inside))
        seen, later = (
            [sharpe_ratio(returns[half, trial], bars_per_year=HOURLY) for trial in range(7)]
            for half in (inside, outside)
        )
        best = seen.index(max(seen))
        rank = 1 + sorted(later).index(later[best])
        expected.append((log(rank / (8 - rank)), best, seen[best], later[best]))

    found = overfitting(returns, n_blocks=n_blocks)

    assert found.n_combinations == comb(n_blocks, n_blocks // 2)
    logits, selected, in_sample, out_of_sample = np.array(expected).T
    np.testing.assert_allclose(found.logits, logits, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.selected, selected)
    np.testing.assert_allclose(found.in_sample, in_sample, rtol=1e-9)
    np.testing.assert_allclose(found.out_of_sample, out_of_sample, rtol=1e-9)


def test_losses_and_degradation_by_hand() -> None:
    found = BacktestOverfitting(
        logits=np.zeros(4),
        selected=np.zeros(4, np.int64),
        in_sample=np.array([1.0, 2.0, 3.0, 4.0]),
        out_of_sample=np.array([2.0, 1.0, 0.0, -1.0]),
    )

    assert found.loss_probability == 0.25  # 0 is no loss
    line = found.degradation()
    assert (line.slope, line.intercept) == (pytest.approx(-1.0), pytest.approx(3.0))


def test_what_noise_earns_in_one_half_it_lacks_in_the_other() -> None:
    drawn = [overfitting(noise(160, 50, seed=seed)) for seed in range(30)]

    slopes = np.array([each.degradation().slope for each in drawn])
    losses = np.array([each.loss_probability for each in drawn])
    # Measured over these seeds: slopes -0.97 to 0.15, mean -0.29; losses 0.45 in the mean, with a
    # standard deviation of 0.15 and so 0.03 for the mean.
    assert slopes.mean() < -0.1
    assert losses.mean() == pytest.approx(0.5, abs=0.1)


def test_a_degradation_needs_sharpe_ratios_that_vary() -> None:
    copies = np.array([0.01, 0.03, 0.01, 0.03])[:, None].repeat(3, axis=1)

    with pytest.raises(ValueError, match="A slope needs"):
        overfitting(copies, n_blocks=2).degradation()


def test_a_trial_that_is_better_everywhere_is_no_chance() -> None:
    returns = noise(160, 20)
    returns[:, 13] += 0.05

    found = overfitting(returns)

    assert found.pbo == 0.0
    np.testing.assert_allclose(found.logits, log(20))


def test_trials_that_are_equal_in_the_whole_fail_where_they_were_not_selected() -> None:
    returns = noise(160, 20)
    returns -= returns.mean(axis=0)  # what one half gains, the other loses

    found = overfitting(returns)

    assert found.pbo > 0.99
    assert np.median(found.logits) == pytest.approx(log(1 / 20))


def test_copies_of_one_trial_share_their_rank_and_count_as_overfitting() -> None:
    # Two bars a half, so that sums do not depend on their order.
    copies = np.array([0.01, 0.03, 0.02, -0.01])[:, None].repeat(4, axis=1)

    found = overfitting(copies, n_blocks=2)

    np.testing.assert_array_equal(found.logits, [0.0, 0.0])
    assert found.pbo == 1.0


@pytest.mark.parametrize("bad", [nan, inf, -inf, -1.01])
def test_incident_07_a_return_that_is_none_is_refused(bad: float) -> None:
    returns = noise(40, 3)
    returns[7, 1] = bad

    with pytest.raises(ValueError, match="finite and at least -1"):
        overfitting(returns)


def test_incident_07_blocks_without_two_bars_are_refused() -> None:
    assert overfitting(noise(32, 3)).n_combinations == 12_870
    with pytest.raises(ValueError, match=r"at least 32 in all, but got 31\."):
        overfitting(noise(31, 3))


@pytest.mark.parametrize("n_blocks", [-2, 0, 1, 5])
def test_blocks_that_cannot_be_halved_are_refused(n_blocks: int) -> None:
    with pytest.raises(ValueError, match=f"but got n_blocks={n_blocks}"):
        overfitting(noise(40, 3), n_blocks=n_blocks)


@pytest.mark.parametrize("shape", [(40,), (40, 0), (40, 1), (40, 2, 2)])
def test_a_choice_needs_two_trials(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 2 trials"):
        overfitting(np.zeros(shape))


@pytest.mark.parametrize("value", [0.0, 0.01, -0.3])
def test_incident_07_a_trial_whose_sharpe_ratio_is_undefined_is_refused(value: float) -> None:
    constant, idle = noise(40, 3), noise(40, 3)
    constant[:, 1] = value
    idle[20:, 2] = value  # blocks 2 and 3 are one half

    with pytest.raises(ValueError, match="those of trial 1 do not"):
        overfitting(constant, n_blocks=4)
    with pytest.raises(ValueError, match="those of trial 2 do not"):
        overfitting(idle, n_blocks=4)
    idle[19, 2], idle[20, 2] = idle[20, 2], idle[19, 2]
    assert np.isfinite(overfitting(idle, n_blocks=4).logits).all()
