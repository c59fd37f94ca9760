from math import comb

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.evaluation.parameter_consistency import (
    ParameterConsistency,
    top_three_consistency,
)
from cappuccino_assets.evaluation.scored_trials import ScoredTrials

N_TRIALS = 40


def study(**parameters: list[float] | list[str]) -> ScoredTrials:
    """Trials of falling scores."""
    scores = -np.arange(float(N_TRIALS))
    return ScoredTrials(
        frame=pl.DataFrame({"trial": range(N_TRIALS), "score": scores, **parameters})
    )


def consistency(trials: ScoredTrials, *, seed: int = 0) -> ParameterConsistency:
    (found,) = top_three_consistency(trials, random=np.random.default_rng(seed))
    return found


def test_neighbours_are_consistent() -> None:
    found = consistency(study(gamma=[float(i) for i in range(N_TRIALS)]))

    # Ranks 1, 2, 3 of 40: distances 1, 1 and 2 of 39.
    assert found.values == (0.0, 1.0, 2.0)
    assert found.spread == pytest.approx(4 / 3 / 39)
    assert found.chance == pytest.approx(38 / comb(40, 3), abs=0.003)  # 38 threes are neighbours


def test_opposites_are_not() -> None:
    found = consistency(study(gamma=[0.0, 39.0, 20.0, *range(1, 20), *range(21, 39)]))

    assert found.spread == pytest.approx((39 + 19 + 20) / 3 / 39)
    assert found.chance == 1.0


def test_equal_categories_are_consistent_whichever_they_are() -> None:
    rare = consistency(study(kind=["a"] * 4 + ["b"] * 36))
    common = consistency(study(kind=["b"] * 36 + ["a"] * 4))
    apart = consistency(study(kind=["a", "b", "b"] + ["b"] * 37))

    assert (rare.values, rare.spread) == (("a", "a", "a"), 0.0)
    same = (comb(4, 3) + comb(36, 3)) / comb(40, 3)  # all three of one kind, whichever
    assert [rare.chance, common.chance] == pytest.approx([same, same], abs=0.02)
    assert apart.spread == pytest.approx(2 / 3)


def test_a_seed_gives_the_same_chance() -> None:
    trials = study(gamma=[float(i % 7) for i in range(N_TRIALS)])

    assert consistency(trials) == consistency(trials)
    assert consistency(trials).chance != consistency(trials, seed=1).chance


def test_nothing_comes_of_no_draw() -> None:
    trials = study(gamma=[float(i) for i in range(N_TRIALS)])

    with pytest.raises(ValueError, match="Something must be drawn"):
        top_three_consistency(trials, random=np.random.default_rng(0), n_draws=0)
