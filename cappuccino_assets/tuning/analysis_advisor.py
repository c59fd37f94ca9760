"""The advisor that is there: it proposes what a study's own trials speak for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from scipy.stats import norm, rankdata

from cappuccino_assets.evaluation.parameter_effects import parameter_effects
from cappuccino_assets.evaluation.scored_trials import MIN_TRIALS, ScoredTrials
from cappuccino_assets.tuning.advisors import KnownTrial, Proposal, Question
from cappuccino_assets.tuning.distributions import Choice, Distribution, Value
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.types import FloatArray

SIGNIFICANT: Final = 0.05
_N_MIXTURES: Final = 500
_PENALTIES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
Params = Mapping[str, Value]


class AnalysisAdvisor:
    """Proposes, from at least 21 complete trials, what their best tenth has in common.

    In this order: of many mixtures of the best tenth the one that an additive model of all trials
    holds for the best; the centre of the best tenth; and the best trial with those parameters moved
    to that centre which stand out after Benjamini and Hochberg's correction, where any does. A
    single score is luck in good part, and averages of several trials are less.
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
    top = best[: -(-len(best) // 10)]
    random = np.random.default_rng(question.seed)
    yield Proposal(
        params=_best_mixture(question, top, random),
        reason=f"Of {_N_MIXTURES} mixtures of the best {len(top)} of {len(best)} trials it is the "
        "one that an additive model of all of them holds for the best.",
    )
    centre = centre_of([each.params for each in top], question.space)
    yield Proposal(
        params=centre,
        reason=f"It is the centre of the best {len(top)} of {len(best)} trials: medians, and the "
        "most frequent categories.",
    )
    if shown := _shown(question.trials, question.space, random):
        yield Proposal(
            params={**best[0].params, **{name: centre[name] for name in shown}},
            reason=f"It is the best trial, {best[0].number}, with what tells the best "
            f"{len(top)} from the others moved to their centre: {', '.join(shown)}.",
        )


def centre_of(trials: Sequence[Params], space: SearchSpace) -> dict[str, Value]:
    """Take the median of each parameter that is a number, on its own scale, else the most frequent.

    Args:
        trials: Values by parameter, best first; of categories as frequent the better one's counts.
        space: Where they come from, and where the centre lies.
    """
    return {
        each.name: _centre(each.distribution, [trial[each.name] for trial in trials])
        for each in space.parameters
    }


def _centre(distribution: Distribution, values: Sequence[Value]) -> Value:
    if distribution.is_ordered:
        return distribution.at(float(np.median([distribution.place(each) for each in values])))
    return max(values, key=values.count)


def _best_mixture(
    question: Question, top: Sequence[KnownTrial], random: np.random.Generator
) -> dict[str, Value]:
    """Take every parameter from one of the best, many times; keep what the model prefers."""
    space = question.space
    parents = random.integers(len(top), size=(_N_MIXTURES, len(space.parameters)))
    mixtures = [
        {name: top[parent].params[name] for name, parent in zip(space.names, row, strict=True)}
        for row in parents
    ]
    known = features_of([each.params for each in question.trials], space)
    scores = np.array([each.score for each in question.trials])
    predicted = features_of(mixtures, space) @ additive_model(known, scores)
    return mixtures[int(np.argmax(predicted))]


def features_of(trials: Sequence[Params], space: SearchSpace) -> FloatArray:
    """Describe configurations for an additive model, shape (N, K).

    A number is its place in its range and that squared; a category is zeros and a one.
    """
    columns: list[Sequence[float]] = []
    for each in space.parameters:
        values, distribution = [trial[each.name] for trial in trials], each.distribution
        if isinstance(distribution, Choice) and not distribution.is_ordered:
            columns += [[float(value == one) for value in values] for one in distribution.values]
        else:
            places = [2 * distribution.place(value) - 1 for value in values]
            columns += [places, [place**2 for place in places]]
    return np.array(columns).T


def additive_model(features: FloatArray, scores: FloatArray) -> FloatArray:
    """Fit a ridge regression of the ranks of scores; its penalty leaves out best.

    Ranks, as normal scores, because a few trials lose more than all others differ by.

    Args:
        features: Shape (N, K).
        scores: Shape (N,).

    Returns:
        Coefficients, shape (K,).

    References:
        Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge
        Parameter" (1979).
    """
    centred = features - features.mean(axis=0)
    target = norm.ppf((rankdata(scores) - 0.5) / len(scores))
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    rotated = left.T @ target

    def fault(penalty: float) -> float:
        shrunk = singular**2 / (singular**2 + penalty)
        residual = target - left @ (shrunk * rotated)
        return float((residual**2).mean() / (1 - shrunk.sum() / len(scores)) ** 2)

    penalty = min(_PENALTIES, key=fault)
    coefficients: FloatArray = right.T @ (singular / (singular**2 + penalty) * rotated)
    return coefficients


def _shown(
    trials: Sequence[KnownTrial], space: SearchSpace, random: np.random.Generator
) -> list[str]:
    """Name the parameters that tell the best tenth from the others, in the order of the space."""
    scored = scored_trials(trials)
    if scored is None:
        return []
    effects = parameter_effects(scored, random=random)
    shown = {each.parameter for each in effects if each.bh_p_value < SIGNIFICANT}
    return [name for name in space.names if name in shown]


def scored_trials(trials: Sequence[KnownTrial]) -> ScoredTrials | None:
    """Lay trials out for an analysis, without what is the same in all; None if everything is."""
    frame = pl.DataFrame(
        [{"trial": each.number, "score": each.score, **each.params} for each in trials],
        infer_schema_length=None,
    )
    same = [
        column.name
        for column in frame
        if column.n_unique() == 1 and column.name not in ("trial", "score")
    ]
    if len(same) == frame.width - 2 or frame["score"].n_unique() == 1:
        return None
    return ScoredTrials(frame=frame.drop(same))
