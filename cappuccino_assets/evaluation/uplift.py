"""What advised trials scored against the study's own trials of the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.types import FloatArray

MIN_ROUNDS: Final = 3  # of two the interval would be wider than anything that it could show


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTrial:
    """A finished trial of a study that was advised.

    Attributes:
        number: Its number in the study.
        score: What it scored; None where it was pruned or failed.
        round: Of the advice that it comes from; None for the study's own.
        is_pruned: Whether it was stopped because it was worse than others.
    """

    number: int
    score: float | None
    round: int | None
    is_pruned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceUplift:
    """Whether advice was worth more than what the study would have tried by itself.

    Attributes:
        uplift: Mean, over the rounds, of what the complete advised trials scored more than the
            study's own complete ones of the time did, on average.
        interval: Of that mean, over rounds; None of fewer than three.
        better: Share of pairs of an advised trial and an own one of its time in which the advised
            one scored more, mean over the rounds; pruned ones are below all others, and equal ones
            half better. 0.5 if advice is worth nothing.
        n_rounds: Rounds whose complete trials were compared.
        n_advised: Complete advised trials that were compared, and
        n_own: own ones.
        n_advised_lost: Advised trials of all rounds that were pruned or failed, and
        n_own_lost: own ones; they have no score, and are not in the mean.
    """

    uplift: float
    interval: ConfidenceInterval | None
    better: float
    n_rounds: int
    n_advised: int
    n_own: int
    n_advised_lost: int
    n_own_lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """The trials of a time.

    Attributes:
        advised: The advised ones.
        sides: The own ones before and after those.
    """

    advised: list[JudgedTrial]
    sides: tuple[list[JudgedTrial], list[JudgedTrial]]

    @property
    def own(self) -> list[JudgedTrial]:
        before, after = self.sides
        return [*before, *after]

    @property
    def uplift(self) -> float | None:
        """How much more the advised ones score than the mean of both sides, each as weighty."""
        advised, *sides = (_scores(each) for each in (self.advised, *self.sides))
        if not all(map(len, (advised, *sides))):
            return None
        return float(advised.mean() - np.mean([each.mean() for each in sides]))

    @property
    def better(self) -> float | None:
        """The share of pairs won, of both sides, each as weighty."""
        advised, *sides = (_ranked(each) for each in (self.advised, *self.sides))
        if not all(map(len, (advised, *sides))):
            return None
        return float(np.mean([_share_won(advised, each) for each in sides]))


def advice_uplift(
    trials: Sequence[JudgedTrial], *, window: int, confidence: float = 0.95
) -> AdviceUplift | None:
    """Compare advised trials with the study's own just before and after them.

    A search improves, so only trials of the same time are alike; those before count as much as
    those after, which leaves a steady improvement out of the comparison. Those after have learned
    from what was advised, which is to the advice's disadvantage. The trials of a round are advised
    from the same ones and compared with the same ones, so a round is one observation: the interval
    is Student's, of the mean of the rounds.

    Args:
        trials: Finished trials of one study.
        window: How many numbers before the first trial of a round, and after its last one, count as
            the same time.
        confidence: Of the interval.

    Returns:
        The comparison; None where no round can be compared: it takes a complete advised trial, and
        complete own ones before and after it.
    """
    rounds = _rounds(trials, window)
    compared = [each for each in rounds if each.uplift is not None]
    if not compared:
        return None
    uplifts = np.array([each.uplift for each in compared], dtype=float)
    enough = len(compared) >= MIN_ROUNDS
    better = [each.better for each in rounds if each.better is not None]
    return AdviceUplift(
        uplift=float(uplifts.mean()),
        interval=ConfidenceInterval.of_mean(uplifts, confidence=confidence) if enough else None,
        better=float(np.mean(better)),
        n_rounds=len(compared),
        n_advised=sum(len(_scores(each.advised)) for each in compared),
        n_own=sum(len(_scores(each.own)) for each in compared),
        n_advised_lost=sum(_n_lost(each.advised) for each in rounds),
        n_own_lost=sum(_n_lost(each.own) for each in rounds),
    )


def _rounds(trials: Sequence[JudgedTrial], window: int) -> list[_Round]:
    numbers = sorted({each.round for each in trials if each.round is not None})
    return [_round(trials, number, window) for number in numbers]


def _round(trials: Sequence[JudgedTrial], number: int, window: int) -> _Round:
    advised = [each for each in trials if each.round == number]
    first, last = (pick(each.number for each in advised) for pick in (min, max))
    own = [each for each in trials if each.round is None]
    before = [each for each in own if first - window <= each.number < first]
    after = [each for each in own if last < each.number <= last + window]
    return _Round(advised=advised, sides=(before, after))


def _scores(trials: Sequence[JudgedTrial]) -> FloatArray:
    return np.array([each.score for each in trials if each.score is not None], dtype=float)


def _ranked(trials: Sequence[JudgedTrial]) -> FloatArray:
    """Scores, with those of pruned trials below all."""
    n_pruned = sum(each.is_pruned for each in trials)
    return np.concatenate([_scores(trials), np.full(n_pruned, -np.inf)])


def _share_won(advised: FloatArray, own: FloatArray) -> float:
    more, as_much = advised[:, None] > own, advised[:, None] == own
    return float(more.mean() + as_much.mean() / 2)


def _n_lost(trials: Sequence[JudgedTrial]) -> int:
    return sum(each.score is None for each in trials)
