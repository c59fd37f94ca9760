"""What advice was worth, against the study's own trials of the time, and how sure that is."""

import numpy as np
import pytest

from cappuccino_assets.evaluation.uplift import AdviceUplift, JudgedTrial, advice_uplift


def judged(scores: list[float | None], rounds: dict[int, int]) -> list[JudgedTrial]:
    return [
        JudgedTrial(number=number, score=score, round=rounds.get(number))
        for number, score in enumerate(scores)
    ]


def uplift_of(trials: list[JudgedTrial], window: int) -> AdviceUplift | None:
    return advice_uplift(trials, window=window, random=np.random.default_rng(0))


def test_advised_trials_are_compared_with_those_just_before_and_after_them() -> None:
    """Means of 1.5 and 11.5 around, and of 3, 4 and 13 in the advised ones."""
    scores = [-99.0, 1.0, 3.0, 4.0, 2.0, 99.0, 99.0, 11.0, 13.0, 12.0, 99.0]
    found = uplift_of(judged(scores, {2: 1, 3: 1, 8: 2}), window=1)
    assert found is not None
    assert found.uplift.estimate == pytest.approx((1.5 + 2.5 + 1.5) / 3)
    assert (found.n_rounds, found.n_advised, found.n_own) == (2, 3, 4)
    assert found.better == 1.0
    assert found.uplift.low < found.uplift.estimate < found.uplift.high


def test_a_steady_improvement_is_no_uplift() -> None:
    found = uplift_of(judged([float(n) for n in range(60)], {n: 1 for n in (29, 30, 31)}), 10)
    assert found is not None
    assert found.uplift.estimate == pytest.approx(0.0)
    assert found.better == 0.5


def test_what_has_no_score_is_counted_and_not_compared() -> None:
    scores = [1.0, None, 2.0, 3.0, 3.0, None, 3.0, 2.0]
    found = uplift_of(judged(scores, {n: 1 for n in (3, 4, 5, 6)}), window=3)
    assert found is not None
    assert (found.n_advised, found.n_own) == (3, 3)
    assert (found.n_advised_lost, found.n_own_lost) == (1, 1)


@pytest.mark.parametrize("rounds", [{}, {5: 1}, {5: 1, 6: 1}])
def test_too_few_advised_trials_say_nothing(rounds: dict[int, int]) -> None:
    assert uplift_of(judged([1.0] * 20, rounds), window=5) is None


def test_a_round_without_own_trials_around_it_is_left_out() -> None:
    scores: list[float | None] = [1.0] * 10
    alone = {0: 1, 1: 1, 2: 1}
    assert uplift_of(judged(scores, alone), window=1) is None  # one own trial has no spread
    assert uplift_of(judged(scores, alone), window=2) is not None


def test_the_interval_holds_a_worthless_advice_most_of_the_time() -> None:
    """Of 200 studies with worthless advice, about one in twenty is called something."""
    random, n_false = np.random.default_rng(1), 0
    rounds = {number: place for place in (1, 2, 3) for number in range(50 * place, 50 * place + 3)}
    for _ in range(200):
        trials = judged(random.normal(size=200).tolist(), rounds)
        found = advice_uplift(trials, window=25, random=random, n_draws=300)
        assert found is not None
        n_false += not found.uplift.low <= 0 <= found.uplift.high
    assert n_false <= 30  # percentiles of nine values are a little too narrow


def test_the_same_trials_have_the_same_uplift() -> None:
    trials = judged([float(n % 7) for n in range(60)], {20: 1, 21: 1, 22: 1})
    assert uplift_of(trials, 10) == uplift_of(trials, 10)
