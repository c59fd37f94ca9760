"""Which parameters matter for being among the best tenth: PED-ANOVA, beside what chance gives."""

import warnings
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from cappuccino_assets.evaluation.scored_trials import TOP_SHARE, ScoredTrials
from cappuccino_assets.types import IntArray

_CHANCE_QUANTILE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterImportance:
    """A parameter's share of what tells the best tenth from all trials.

    Attributes:
        parameter: Its name.
        importance: In [0, 1]; over all parameters they sum to 1, whether or not any matters.
        chance: Importance that in 95 % of shuffles of the scores no parameter exceeds; the largest
            of all is compared, so that asking about many parameters is accounted for.
    """

    parameter: str
    importance: float
    chance: float

    @property
    def above_chance(self) -> bool:
        """Whether it stands out more than the most important of unimportant ones would."""
        return self.importance > self.chance


def parameter_importances(
    trials: ScoredTrials, *, random: np.random.Generator, n_shuffles: int = 100
) -> list[ParameterImportance]:
    """Compute how much the best tenth's distribution of each parameter differs from that of all.

    Numbers enter as ranks, so that a parameter's scale does not matter.

    Args:
        trials: Completed trials.
        random: Source of the shuffles.
        n_shuffles: Shuffles of the scores for what chance gives, at least 20.

    Returns:
        One per parameter, the most important first.

    Raises:
        ValueError: If there are too few shuffles for a 95th percentile.

    References:
        Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces" (IJCAI 2023); as implemented by Optuna.
    """
    if n_shuffles < 20:
        raise ValueError(f"A 95th percentile needs 20 shuffles, but got {n_shuffles=}.")
    study = _study(trials)
    places = np.arange(trials.n_trials)
    found = _importances(study, places)
    largest = [
        max(_importances(study, random.permutation(places)).values()) for _ in range(n_shuffles)
    ]
    chance = float(np.quantile(largest, _CHANCE_QUANTILE))
    return [
        ParameterImportance(parameter=name, importance=importance, chance=chance)
        for name, importance in sorted(found.items(), key=lambda item: -item[1])
    ]


def _column(trials: ScoredTrials, name: str) -> tuple[list[float] | list[str], BaseDistribution]:
    if trials.is_ordered(name):
        ranks = trials.ranks(name) / trials.n_trials
        return ranks.tolist(), FloatDistribution(0.0, 1.0)
    names, positions = trials.categories(name)
    return [names[position] for position in positions], CategoricalDistribution(names)


def _study(trials: ScoredTrials) -> optuna.Study:
    """Tell the trials to Optuna, best first."""
    columns = {name: _column(trials, name) for name in trials.parameters}
    distributions = {name: distribution for name, (_, distribution) in columns.items()}
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # nobody wants to hear of this study
    study = optuna.create_study()
    study.add_trials(
        create_trial(
            params={name: values[place] for name, (values, _) in columns.items()},
            distributions=distributions,
            value=float(place),
        )
        for place in range(trials.n_trials)
    )
    return study


def _importances(study: optuna.Study, places: IntArray) -> dict[str, float]:
    """Importances if the trials had these places, 0 for the best."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes the importances")
        return get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE),
            target=lambda trial: float(places[trial.number]),
        )
