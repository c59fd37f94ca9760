"""Whether the three best trials agree about a parameter more than any three would."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cappuccino_assets.evaluation.scored_trials import ScoredTrials
from cappuccino_assets.types import FloatArray, IntArray

N_BEST = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterConsistency:
    """How far apart the three best trials are in one parameter.

    Attributes:
        parameter: Its name.
        values: Of the three best, best first.
        spread: Mean distance of their pairs, in [0, 1]. Of numbers the distance of two is that of
            their ranks among all trials, as a fraction of the largest; of categories 0 if equal,
            else 1.
        chance: Share of draws of any three trials that are as close together; not adjusted for the
            number of parameters, of which one in twenty is below 0.05 by chance.
    """

    parameter: str
    values: tuple[float | str | bool, ...]
    spread: float
    chance: float


def top_three_consistency(
    trials: ScoredTrials, *, random: np.random.Generator, n_draws: int = 9_999
) -> list[ParameterConsistency]:
    """Compare the three best trials with any three, parameter by parameter.

    Args:
        trials: Completed trials.
        random: Source of the draws.
        n_draws: Draws of three different trials.

    Returns:
        One per parameter, in the order of the frame's columns.

    Raises:
        ValueError: If nothing is to be drawn.
    """
    if n_draws < 1:
        raise ValueError(f"Something must be drawn, but got {n_draws=}.")
    order = random.permuted(np.tile(np.arange(trials.n_trials), (n_draws, 1)), axis=1)
    threes = np.vstack([np.arange(N_BEST), order[:, :N_BEST]])
    return [_consistency(trials, name, threes) for name in trials.parameters]


def _consistency(trials: ScoredTrials, name: str, threes: IntArray) -> ParameterConsistency:
    spreads = _spreads(trials, name, threes)
    return ParameterConsistency(
        parameter=name,
        values=tuple(trials.frame[name].head(N_BEST)),
        spread=float(spreads[0]),
        chance=float((spreads <= spreads[0] + _ROUNDING).mean()),
    )


def _spreads(trials: ScoredTrials, name: str, threes: IntArray) -> FloatArray:
    """Mean distance of the pairs of each three trials."""
    distances = [
        _distances(trials, name, threes[:, i], threes[:, j])
        for i, j in combinations(range(N_BEST), 2)
    ]
    spreads: FloatArray = np.mean(distances, axis=0)
    return spreads


def _distances(trials: ScoredTrials, name: str, one: IntArray, other: IntArray) -> FloatArray:
    if not trials.is_ordered(name):
        _, position = trials.categories(name)
        differ: FloatArray = (position[one] != position[other]).astype(np.float64)
        return differ
    ranks = trials.ranks(name)
    distances: FloatArray = np.abs(ranks[one] - ranks[other]) / np.ptp(ranks)
    return distances
