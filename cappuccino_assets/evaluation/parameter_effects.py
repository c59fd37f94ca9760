"""How the parameters of the best tenth of a study's trials differ from those of the others."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.effect_size import (
    GroupWeights,
    cliffs_delta,
    cliffs_delta_of_ranks,
    contrast,
    shuffled,
    total_variation,
    total_variation_of_members,
)
from cappuccino_assets.evaluation.multiple_comparisons import benjamini_hochberg, holm
from cappuccino_assets.evaluation.scored_trials import ScoredTrials
from cappuccino_assets.types import FloatArray

_ROUNDING = 1e-9


class Impact(StrEnum):
    """Size of an effect, whatever its sign; it says nothing about certainty."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


_HIGH_ABOVE: Final = 0.30
_MEDIUM_FROM: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterEffect:
    """What is different about a parameter among the best.

    Attributes:
        parameter: Its name.
        ordered: Whether its values are numbers, not categories.
        top: Median of the best tenth, or its most frequent category.
        all: The same of all trials.
        effect: Of numbers Cliff's delta, in [-1, 1]: how much more often a trial of the best tenth
            has the greater value than the smaller one, compared with the others. Of categories the
            total variation distance, in [0, 1]: the share of the best tenth that would have to
            change its category to be like the others. Of two categories both are the same but for
            the sign. By chance the distance is above 0, the more so the more categories there are.
        p_value: Share of shuffles of the scores with an effect as large, the study's own included.
        holm_p_value: Adjusted for all parameters: below 0.05, a single false finding among them is
            that rare.
        bh_p_value: Adjusted so that below 0.05 no more than a share of 0.05 of the findings is
            expected to be false.
        high_by_chance: Share of shuffles of the scores that give the parameter a high impact; a
            tenth of few trials is so small that it is not low.
    """

    parameter: str
    ordered: bool
    top: float | str
    all: float | str
    effect: ConfidenceInterval
    p_value: float
    holm_p_value: float
    bh_p_value: float
    high_by_chance: float

    @property
    def impact(self) -> Impact:
        """High above 30 %, medium from 15 % on, else low."""
        size = abs(self.effect.estimate)
        if size > _HIGH_ABOVE:
            return Impact.HIGH
        return Impact.MEDIUM if size >= _MEDIUM_FROM else Impact.LOW


def parameter_effects(
    trials: ScoredTrials,
    *,
    random: np.random.Generator,
    n_draws: int = 2_000,
    n_shuffles: int = 9_999,
    confidence: float = 0.95,
) -> list[ParameterEffect]:
    """Compare the best tenth with all other trials, parameter by parameter.

    Intervals are percentiles of resamples of the best and of the others. Neither they nor the
    p-values know that a sampler draws where earlier trials were good: what it liked early has more
    trials, and the p-values treat the trials as independent.

    Args:
        trials: Completed trials.
        random: Source of the draws.
        n_draws: Resamples for the intervals.
        n_shuffles: Shuffles of the scores for the p-values.
        confidence: Of the intervals.

    Returns:
        One per parameter, the largest effect first.

    Raises:
        ValueError: If nothing is to be drawn.
    """
    if n_draws < 1 or n_shuffles < 1:
        raise ValueError(f"Something must be drawn, but got {n_draws=}, {n_shuffles=}.")
    names = trials.parameters
    n_top, n_rest = trials.n_top, trials.n_trials - trials.n_top
    weights = GroupWeights.resampled(n_top, n_rest, n_draws=n_draws, random=random)
    studied = contrast(n_top, n_rest)
    contrasts = np.vstack([studied, shuffled(studied, n_draws=n_shuffles, random=random)])
    sizes = [_sizes(trials, name, contrasts) for name in names]
    intervals = [
        ConfidenceInterval.from_draws(
            float(size[0]), _resampled_sizes(trials, name, weights), confidence=confidence
        )
        for name, size in zip(names, sizes, strict=True)
    ]
    p_values = np.array([_p_value(each) for each in sizes])
    high = [float((np.abs(each[1:]) > _HIGH_ABOVE).mean()) for each in sizes]
    shares = np.stack([p_values, holm(p_values), benjamini_hochberg(p_values), high], axis=1)
    effects = [
        _effect(trials, name, interval, *row)
        for name, interval, row in zip(names, intervals, shares.tolist(), strict=True)
    ]
    return sorted(effects, key=lambda each: -abs(each.effect.estimate))


def _effect(
    trials: ScoredTrials,
    name: str,
    interval: ConfidenceInterval,
    p_value: float,
    holm_p_value: float,
    bh_p_value: float,
    high_by_chance: float,
) -> ParameterEffect:
    return ParameterEffect(
        parameter=name,
        ordered=trials.is_ordered(name),
        top=_typical(trials, name, trials.n_top),
        all=_typical(trials, name, trials.n_trials),
        effect=interval,
        p_value=p_value,
        holm_p_value=holm_p_value,
        bh_p_value=bh_p_value,
        high_by_chance=high_by_chance,
    )


def _sizes(trials: ScoredTrials, name: str, contrasts: FloatArray) -> FloatArray:
    if trials.is_ordered(name):
        return cliffs_delta_of_ranks(contrasts, trials.ranks(name))
    return total_variation_of_members(contrasts, trials.membership(name))


def _resampled_sizes(trials: ScoredTrials, name: str, weights: GroupWeights) -> FloatArray:
    n_top = trials.n_top
    if trials.is_ordered(name):
        ranks = trials.ranks(name)
        return cliffs_delta(ranks[:n_top], ranks[n_top:], weights)
    members = trials.membership(name)
    return total_variation(members[:n_top], members[n_top:], weights)


def _p_value(sizes: FloatArray) -> float:
    """Share of effects that are as large as the first, which is one of them."""
    return float((np.abs(sizes) >= abs(sizes[0]) - _ROUNDING).mean())


def _typical(trials: ScoredTrials, name: str, n_best: int) -> float | str:
    values = trials.frame[name].head(n_best)
    if trials.is_ordered(name):
        return float(np.median(values.to_numpy()))
    return str(values.cast(pl.String).mode().sort()[0])
