"""The advisor that is there: it proposes what a study's own trials speak for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from scipy.stats import norm, rankdata

from cappuccino_assets.evaluation.scored_trials import MIN_TRIALS
from cappuccino_assets.tuning.advisors import KnownTrial, Proposal, Question
from cappuccino_assets.tuning.distributions import Choice, Value
from cappuccino_assets.tuning.spaces import Parameter, SearchSpace
from cappuccino_assets.types import FloatArray

SHARES: Final = {"tenth": 0.1, "fifth": 0.2, "two fifths": 0.4}  # of the trials, best first
_N_MIXTURES: Final = 500
_N_NAMED: Final = 3
_PENALTIES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
Params = Mapping[str, Value]


class AnalysisAdvisor:
    """Proposes mixtures of a study's best trials, from at least 21 complete ones.

    An additive model of all trials says what each parameter's value is worth. Of many mixtures of
    the best tenth of the trials, in which every parameter is from any of them, the one is proposed
    that the model holds for the best; then the same of the best fifth, and of the best two fifths.
    A single score is luck in good part; the model averages over all of them, and what it holds for
    good lies where trials have been good.
    """

    def propose(self, question: Question) -> Sequence[Proposal]:
        """Propose up to three configurations that were not tried yet; none from fewer trials."""
        if len(question.trials) < MIN_TRIALS:
            return []
        tried = [dict(each.params) for each in question.trials]
        proposals: list[Proposal] = []
        for each in _proposals(question):
            if each.params not in tried:
                proposals.append(each)
                tried.append(dict(each.params))
        return proposals[: question.n_wanted]


def _proposals(question: Question) -> Iterator[Proposal]:
    best = sorted(question.trials, key=lambda trial: (-trial.score, trial.number))
    model = AdditiveModel.fitted(question.space, best)
    random = np.random.default_rng(question.seed)
    rests_on = ", ".join(model.weightiest([each.params for each in best])[:_N_NAMED])
    for name, share in SHARES.items():
        parents = best[: ceil(share * len(best))]
        mixtures = _mixtures(question.space, parents, random)
        yield Proposal(
            params=mixtures[int(np.argmax(model.worth(mixtures)))],
            reason=f"Of {_N_MIXTURES} mixtures of the best {name} of {len(best)} trials it is the "
            "one that an additive model of all of them holds for the best; the model rests most "
            f"on {rests_on}.",
        )


def _mixtures(
    space: SearchSpace, parents: Sequence[KnownTrial], random: np.random.Generator
) -> list[dict[str, Value]]:
    """Take every parameter from any of the parents, many times."""
    chosen = random.integers(len(parents), size=(_N_MIXTURES, len(space.parameters)))
    return [
        {name: parents[each].params[name] for name, each in zip(space.names, row, strict=True)}
        for row in chosen
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdditiveModel:
    """What each value of each parameter is worth, whatever the others are.

    Attributes:
        space: What is searched.
        coefficients: Of each parameter's columns, in the order of the space.
    """

    space: SearchSpace
    coefficients: tuple[FloatArray, ...]

    @classmethod
    def fitted(cls, space: SearchSpace, trials: Sequence[KnownTrial]) -> "AdditiveModel":
        """Fit a ridge regression of the ranks of scores.

        Ranks, as normal scores, because a few trials lose more than all others differ by.
        """
        columns = [_columns(each, [trial.params for trial in trials]) for each in space.parameters]
        scores = np.array([trial.score for trial in trials])
        target = norm.ppf((rankdata(scores) - 0.5) / len(scores))
        ends = np.cumsum([each.shape[1] for each in columns])[:-1]
        coefficients = ridge(np.hstack(columns), target)
        return cls(space=space, coefficients=tuple(np.split(coefficients, ends)))

    def worth(self, trials: Sequence[Params]) -> FloatArray:
        """Predict how configurations compare, shape (N,)."""
        worth: FloatArray = np.sum(self._parts(trials), axis=0)
        return worth

    def weightiest(self, trials: Sequence[Params]) -> list[str]:
        """Name the parameters in the order of how much their values tell these trials apart."""
        spreads = [part.std() for part in self._parts(trials)]
        return [self.space.names[place] for place in np.argsort(spreads)[::-1]]

    def _parts(self, trials: Sequence[Params]) -> list[FloatArray]:
        pairs = zip(self.space.parameters, self.coefficients, strict=True)
        return [_columns(each, trials) @ coefficients for each, coefficients in pairs]


def ridge(features: FloatArray, target: FloatArray) -> FloatArray:
    """Fit a linear model whose penalty is chosen by generalised cross-validation.

    Args:
        features: Shape (N, K); they are centred here.
        target: Of mean 0, shape (N,).

    Returns:
        Coefficients, shape (K,).

    References:
        Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge
        Parameter" (1979).
    """
    centred = features - features.mean(axis=0)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    rotated = left.T @ target

    def fault(penalty: float) -> float:
        kept = singular**2 / (singular**2 + penalty)
        residual = target - left @ (kept * rotated)
        return float((residual**2).mean() / (1 - kept.sum() / len(target)) ** 2)

    penalty = min(_PENALTIES, key=fault)
    coefficients: FloatArray = right.T @ (singular / (singular**2 + penalty) * rotated)
    return coefficients


def _columns(parameter: Parameter, trials: Sequence[Params]) -> FloatArray:
    """Describe a number by its place and that squared, a category by zeros and a one, (N, K)."""
    distribution = parameter.distribution
    values = [trial[parameter.name] for trial in trials]
    if isinstance(distribution, Choice) and not distribution.is_ordered:
        return np.array([[float(value == one) for one in distribution.values] for value in values])
    places = np.array([2 * distribution.place(value) - 1 for value in values])
    return np.stack([places, places**2], axis=1)
