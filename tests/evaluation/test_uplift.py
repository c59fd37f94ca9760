"""What advice was worth, against the study's own trials of the time, and how sure that is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp

from cappuccino_assets.evaluation.uplift import JudgedTrial, advice_uplift


def judged(scores: Sequence[float | None], rounds: dict[int, int]) -> list[JudgedTrial]:
    return [
        JudgedTrial(number=number, score=score, round=rounds.get(number))
        for number, score in enumerate(scores)
    ]


def test_advised_trials_are_compared_with_those_just_before_and_after_them() -> None:
    """Means of 1.5 and 11.5 around, and of 3.5 and 13 in the advised ones."""
    scores = [-99.0, 1.0, 3.0, 4.0, 2.0, 99.0, 99.0, 11.0, 13.0, 12.0, 99.0]
    found = advice_uplift(judged(scores, {2: 1, 3: 1, 8: 2}), window=1)
    assert found is not None
    assert found.uplift == pytest.approx((2.0 + 1.5) / 2)  # a round is one observation
    assert (found.n_rounds, found.n_advised, found.n_own) == (2, 3, 4)
    assert found.better == 1.0
    assert found.interval is None


def test_the_interval_is_students_of_the_rounds() -> None:
    scores = [0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 6.0, 0.0]
    found = advice_uplift(judged(scores, {1: 1, 4: 2, 7: 3}), window=1)
    assert found is not None
    assert found.interval is not None
    low, high = ttest_1samp([1.0, 2.0, 6.0], 0.0).confidence_interval(0.95)
    assert (found.uplift, found.interval.estimate) == (3.0, 3.0)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


@pytest.mark.parametrize("pruned", [[], [19, 20, 21, 22, 23], [33, 35, 37]])
def test_a_steady_improvement_is_no_uplift(pruned: list[int]) -> None:
    """By as many trials on either side; by fewer on one, it is far less than what they span."""
    scores: list[float | None] = [float(n) for n in range(60)]
    for number in pruned:
        scores[number] = None
    found = advice_uplift(judged(scores, dict.fromkeys((29, 30, 31), 1)), window=10)
    assert found is not None
    assert found.uplift == pytest.approx(0.0, abs=1.5 if pruned else 1e-9)
    assert found.better == 0.5


def test_before_and_after_weigh_the_same_however_many_they_are() -> None:
    scores = [0.0, None, None, None, 3.0, 4.0, 4.0, 4.0, 4.0]
    found = advice_uplift(judged(scores, {4: 1}), window=4)
    assert found is not None
    assert found.uplift == pytest.approx(3.0 - (0.0 + 4.0) / 2)
    assert found.better == 0.5


def test_what_has_no_score_is_counted_and_not_in_the_mean() -> None:
    scores = [1.0, None, 2.0, 3.0, 3.0, None, 3.0, 2.0]
    found = advice_uplift(judged(scores, dict.fromkeys((3, 4, 5, 6), 1)), window=3)
    assert found is not None
    assert (found.n_advised, found.n_own) == (3, 3)
    assert (found.n_advised_lost, found.n_own_lost) == (1, 1)


def test_what_was_pruned_is_below_all_that_was_not() -> None:
    scores = [1.0, None, 5.0, 0.0, None, 1.0, None]
    trials = judged(scores, dict.fromkeys((2, 3, 4), 1))
    pruned = [replace(each, is_pruned=each.score is None) for each in trials]
    found, failed = (advice_uplift(each, window=2) for each in (pruned, trials))
    assert found is not None
    assert failed is not None
    assert found.better == pytest.approx((2 + 1 + 0.5) / 6)  # two pruned ones are alike
    assert failed.better == 0.5


@pytest.mark.parametrize("rounds", [{}, {0: 1, 1: 1, 2: 1}, {17: 1, 18: 1, 19: 1}])
def test_without_own_trials_on_both_sides_nothing_is_compared(rounds: dict[int, int]) -> None:
    assert advice_uplift(judged([1.0] * 20, rounds), window=5) is None


@pytest.mark.parametrize("n_rounds", [3, 6])
def test_a_worthless_advice_is_called_something_once_in_twenty_times(n_rounds: int) -> None:
    """By simulation, within what chance does to 1000 studies; nine in ten would not pass."""
    random, n_false = np.random.default_rng(1), 0
    rounds = {20 * place + n: place for place in range(1, n_rounds + 1) for n in range(3)}
    for _ in range(1_000):
        trials = judged(random.normal(size=20 * n_rounds + 12).tolist(), rounds)
        found = advice_uplift(trials, window=8)
        assert found is not None
        assert found.interval is not None
        n_false += not found.interval.low <= 0 <= found.interval.high
    low, high = binom.interval(0.998, 1_000, 0.05)
    assert low <= n_false <= high
    assert binom.sf(high, 1_000, 0.1) > 0.99
