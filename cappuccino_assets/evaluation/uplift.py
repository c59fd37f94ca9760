"""What advised trials scored against the study's own trials of the time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.types import FloatArray

MIN_ADVISED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTrial:
    """A finished trial of a study that was advised.

    Attributes:
        number: Its number in the study.
        score: What it scored; None where it was pruned or failed.
        round: Of the advice that it comes from; None for the study's own.
    """

    number: int
    score: float | None
    round: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceUplift:
    """Whether advice was worth more than what the study would have tried by itself.

    Attributes:
        uplift: Mean, over the advised trials, of what each scored more than the study's own
            complete trials of the time did on average.
        better: Share of pairs of an advised trial and an own one of its time in which the advised
            one scored more; 0.5 if advice is worth nothing.
        n_rounds: Rounds that were compared.
        n_advised: Advised trials that were compared, and
        n_own: own ones.
        n_advised_lost: Advised trials of these rounds that were pruned or failed, and
        n_own_lost: own ones; they have no score, and are not in the mean.
    """

    uplift: ConfidenceInterval
    better: float
    n_rounds: int
    n_advised: int
    n_own: int
    n_advised_lost: int
    n_own_lost: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Round:
    advised: FloatArray
    own: FloatArray
    n_advised_lost: int
    n_own_lost: int


def advice_uplift(
    trials: Sequence[JudgedTrial],
    *,
    window: int,
    random: np.random.Generator,
    n_draws: int = 2_000,
    confidence: float = 0.95,
) -> AdviceUplift | None:
    """Compare advised trials with the study's own just before and after them.

    A search improves, so only trials of the same time are alike; as many before as after leave a
    steady improvement out of the comparison. Those after have learned from what was advised, which
    is to the advice's disadvantage. Bounds are percentiles of resamples: of the advised trials of
    all rounds together, and of each round's own ones.

    Args:
        trials: Finished trials of one study.
        window: How many numbers before the first trial of a round, and after its last one, count as
            the same time.
        random: Source of the draws.
        n_draws: Resamples for the interval.
        confidence: Of the interval.

    Returns:
        The comparison; None where fewer than three advised trials can be compared.
    """
    rounds = _rounds(trials, window)
    if sum(len(each.advised) for each in rounds) < MIN_ADVISED:
        return None
    above = np.concatenate([each.advised - each.own.mean() for each in rounds])
    pairs = [(each.advised[:, None] > each.own).ravel() for each in rounds]
    return AdviceUplift(
        uplift=ConfidenceInterval.from_draws(
            float(above.mean()), _draws(rounds, above, random, n_draws), confidence=confidence
        ),
        better=float(np.concatenate(pairs).mean()),
        n_rounds=len(rounds),
        n_advised=len(above),
        n_own=sum(len(each.own) for each in rounds),
        n_advised_lost=sum(each.n_advised_lost for each in rounds),
        n_own_lost=sum(each.n_own_lost for each in rounds),
    )


def _rounds(trials: Sequence[JudgedTrial], window: int) -> list[_Round]:
    numbers = sorted({each.round for each in trials if each.round is not None})
    rounds = [_round(trials, number, window) for number in numbers]
    return [each for each in rounds if each.advised.size and each.own.size > 1]


def _round(trials: Sequence[JudgedTrial], number: int, window: int) -> _Round:
    advised = [each for each in trials if each.round == number]
    first, last = (pick(each.number for each in advised) for pick in (min, max))
    near = range(first - window, last + window + 1)
    own = [each for each in trials if each.round is None and each.number in near]
    scores = [
        np.array([each.score for each in group if each.score is not None])
        for group in (advised, own)
    ]
    return _Round(
        advised=scores[0],
        own=scores[1],
        n_advised_lost=len(advised) - len(scores[0]),
        n_own_lost=len(own) - len(scores[1]),
    )


def _draws(
    rounds: Sequence[_Round], above: FloatArray, random: np.random.Generator, n_draws: int
) -> FloatArray:
    """Means of resampled advised trials, less how far resampled own means are off, shape (B,)."""
    means = random.choice(above, size=(n_draws, len(above))).mean(axis=1)
    off = np.zeros(n_draws)
    for each in rounds:
        own = random.choice(each.own, size=(n_draws, len(each.own))).mean(axis=1)
        off += (own - each.own.mean()) * len(each.advised) / len(above)
    draws: FloatArray = means - off
    return draws
