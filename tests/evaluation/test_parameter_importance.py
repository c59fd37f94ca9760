import subprocess
import sys

import numpy as np
import optuna
import polars as pl
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from cappuccino_assets.evaluation.parameter_importance import (
    ParameterImportance,
    parameter_importances,
)
from cappuccino_assets.evaluation.scored_trials import ScoredTrials


def study(*, seed: int = 0, signal: float = 3.0) -> ScoredTrials:
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "trial": np.arange(60),
            "strength": random.random(60),
            "kind": random.choice(["a", "b"], 60),
            **{f"idle_{i}": random.random(60) for i in range(4)},
        }
    )
    noise = pl.Series(0.3 * random.normal(size=60))
    return ScoredTrials(frame=frame.with_columns(score=signal * pl.col("strength") + noise))


def importances(trials: ScoredTrials, *, seed: int = 0) -> list[ParameterImportance]:
    return parameter_importances(trials, random=np.random.default_rng(seed), n_shuffles=20)


def test_what_matters_stands_out() -> None:
    first, *others = importances(study())

    assert first.parameter == "strength"
    assert first.above_chance
    assert not any(each.above_chance for each in others)
    assert sum(each.importance for each in (first, *others)) == pytest.approx(1.0)


def test_where_nothing_matters_the_sum_is_1_all_the_same() -> None:
    found = [importances(study(seed=seed, signal=0.0), seed=seed) for seed in range(10)]

    assert all(sum(each.importance for each in one) == pytest.approx(1.0) for one in found)
    # The largest importance is above the 95th percentile of 20 shuffles in about 1 study of 10.
    assert sum(one[0].above_chance for one in found) <= 4


def test_importances_are_those_of_optuna_on_ranks() -> None:
    trials = study()
    asked = optuna.create_study(direction="maximize")
    uniform = optuna.distributions.FloatDistribution(0.0, 1.0)
    kinds = optuna.distributions.CategoricalDistribution(["a", "b"])
    numbers = [name for name in trials.parameters if name != "kind"]
    for place, row in enumerate(trials.frame.iter_rows(named=True)):
        params = {name: trials.ranks(name)[place] / 60 for name in numbers}
        asked.add_trial(
            optuna.trial.create_trial(
                params=params | {"kind": row["kind"]},
                distributions=dict.fromkeys(numbers, uniform) | {"kind": kinds},
                value=row["score"],
            )
        )
    expected = get_param_importances(asked, evaluator=PedAnovaImportanceEvaluator())

    found = {each.parameter: each.importance for each in importances(trials)}

    assert found == pytest.approx(expected)


def test_a_scale_does_not_matter() -> None:
    trials = study()
    logarithmic = ScoredTrials(frame=trials.frame.with_columns(pl.col("strength").exp()))

    assert importances(trials) == importances(logarithmic)


def test_a_percentile_needs_shuffles() -> None:
    with pytest.raises(ValueError, match="needs 20 shuffles"):
        parameter_importances(study(), random=np.random.default_rng(0), n_shuffles=19)


def test_scikit_learn_is_not_needed() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import numpy as np, polars as pl\n"
        "from cappuccino_assets.evaluation.scored_trials import ScoredTrials\n"
        "from cappuccino_assets.evaluation.parameter_importance import parameter_importances\n"
        "numbers = np.arange(30)\n"
        "columns = {'trial': numbers, 'score': numbers, 'a': numbers, 'b': numbers % 7}\n"
        "found = parameter_importances(\n"
        "    ScoredTrials(frame=pl.DataFrame(columns)),\n"
        "    random=np.random.default_rng(0), n_shuffles=20)\n"
        "assert found[0].parameter == 'a', found\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
