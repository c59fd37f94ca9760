from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.stats import mannwhitneyu

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.multiple_comparisons import benjamini_hochberg, holm
from cappuccino_assets.evaluation.parameter_effects import (
    Impact,
    ParameterEffect,
    parameter_effects,
)
from cappuccino_assets.evaluation.scored_trials import ScoredTrials


def study(n_trials: int = 100, *, n_idle: int = 8, seed: int = 0) -> ScoredTrials:
    """Trials whose score depends on `strength` and `kind`, and on nothing else."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "trial": np.arange(n_trials),
            **{f"idle_{i}": random.random(n_trials) for i in range(n_idle)},
            "flag": random.random(n_trials) < 0.5,
            "strength": random.integers(0, 20, n_trials),
            "kind": random.choice(["a", "b", "c"], n_trials),
        }
    )
    noise = pl.Series(random.normal(size=n_trials))
    return ScoredTrials(
        frame=frame.with_columns(
            score=0.3 * pl.col("strength") + 3.0 * (pl.col("kind") == "b").cast(pl.Float64) + noise
        )
    )


def effects(
    trials: ScoredTrials, *, n_shuffles: int = 1_999, seed: int = 0
) -> list[ParameterEffect]:
    random = np.random.default_rng(seed)
    return parameter_effects(trials, random=random, n_draws=500, n_shuffles=n_shuffles)


def by_name(found: list[ParameterEffect]) -> dict[str, ParameterEffect]:
    return {each.parameter: each for each in found}


def test_what_matters_is_found_and_the_rest_is_not() -> None:
    found = effects(study())

    assert {each.parameter for each in found[:2]} == {"strength", "kind"}
    for each in found[:2]:
        assert each.impact is Impact.HIGH
        assert each.effect.low > 0.15
        assert each.holm_p_value < 0.05
    assert min(each.holm_p_value for each in found[2:]) > 0.05
    sizes = [abs(each.effect.estimate) for each in found]
    assert sizes == sorted(sizes, reverse=True)


def test_the_best_are_described_beside_all() -> None:
    trials = study()

    found = by_name(effects(trials))

    strength = trials.frame["strength"]
    assert found["strength"].top == strength.head(10).median()
    assert found["strength"].all == strength.median()
    assert (found["kind"].top, found["kind"].ordered) == ("b", False)
    assert found["kind"].all == trials.frame["kind"].mode().sort()[0]


def test_the_effect_is_that_of_the_best_tenth_against_the_others() -> None:
    trials = study()

    found = by_name(effects(trials))

    strength = trials.frame["strength"].to_numpy()
    u = mannwhitneyu(strength[:10], strength[10:]).statistic
    assert found["strength"].effect.estimate == pytest.approx(2 * u / 900 - 1)
    shares = [
        [(part == kind).mean() for kind in "abc"]
        for kinds in [trials.frame["kind"].to_numpy()]
        for part in (kinds[:10], kinds[10:])
    ]
    assert found["kind"].effect.estimate == pytest.approx(np.abs(np.subtract(*shares)).sum() / 2)


def test_p_values_are_those_of_a_rank_test() -> None:
    trials = study()

    found = by_name(effects(trials, n_shuffles=9_999))

    for name in ("idle_0", "idle_1", "idle_2"):
        values = trials.frame[name].to_numpy()
        expected = mannwhitneyu(values[:10], values[10:]).pvalue
        assert found[name].p_value == pytest.approx(expected, abs=0.03)


def test_p_values_are_adjusted_for_all_parameters() -> None:
    found = effects(study())

    p_values = np.array([each.p_value for each in found])
    assert [each.holm_p_value for each in found] == pytest.approx(holm(p_values).tolist())
    assert [each.bh_p_value for each in found] == pytest.approx(
        benjamini_hochberg(p_values).tolist()
    )
    assert p_values.min() == 1 / 2_000  # the study's own order is one of the shuffles


def test_where_nothing_matters_a_finding_is_as_rare_as_said() -> None:
    random = np.random.default_rng(5)
    smallest = []
    for seed in range(80):
        trials = study(60, seed=seed)
        idle = trials.frame.with_columns(score=pl.Series(random.normal(size=60)))
        found = effects(ScoredTrials(frame=idle), n_shuffles=399, seed=seed)
        smallest.append(min(each.holm_p_value for each in found))

    # 11 parameters each: without Holm, 43 % of studies would have a finding.
    assert np.mean(np.array(smallest) < 0.05) <= 0.11  # 4 of 80 expected; 9 is the 99th percentile


def test_a_scale_does_not_matter() -> None:
    trials = study()
    logarithmic = ScoredTrials(frame=trials.frame.with_columns(pl.col("strength").exp()))

    one, other = by_name(effects(trials))["strength"], by_name(effects(logarithmic))["strength"]

    assert (one.effect, one.p_value) == (other.effect, other.p_value)


def test_a_seed_gives_the_same_effects() -> None:
    assert effects(study()) == effects(study())
    assert effects(study()) != effects(study(), seed=1)


@pytest.mark.parametrize(
    ("size", "impact"),
    [
        (0.31, Impact.HIGH),
        (-0.31, Impact.HIGH),
        (0.30, Impact.MEDIUM),
        (-0.15, Impact.MEDIUM),
        (0.149, Impact.LOW),
        (0.0, Impact.LOW),
    ],
)
def test_impact_is_a_matter_of_size(size: float, impact: Impact) -> None:
    interval = ConfidenceInterval(estimate=size, low=-1.0, high=1.0, confidence=0.95)

    assert replace(effects(study())[0], effect=interval).impact is impact


def test_nothing_comes_of_no_draw() -> None:
    for n_draws, n_shuffles in ((0, 9), (9, 0)):
        with pytest.raises(ValueError, match="Something must be drawn"):
            parameter_effects(
                study(),
                random=np.random.default_rng(0),
                n_draws=n_draws,
                n_shuffles=n_shuffles,
            )


def test_how_often_chance_gives_a_high_impact_is_that_of_all_ways_to_choose_the_best() -> None:
    places = range(30)
    frame = pl.DataFrame({"trial": places, "score": places, "value": places})
    (effect,) = effects(ScoredTrials(frame=frame.cast({"score": pl.Float64})), n_shuffles=20_000)
    # The three best of 30 are at places i < j < k: they exceed (i + j + k - 3) of the 3 * 27 pairs.
    deltas = [2 * (sum(best) - 3) / 81 - 1 for best in combinations(places, 3)]
    expected = sum(abs(delta) > 0.3 for delta in deltas) / len(deltas)
    assert effect.high_by_chance == pytest.approx(expected, abs=0.02)
