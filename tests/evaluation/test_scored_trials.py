from math import inf, nan

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.evaluation.scored_trials import ScoredTrials


def frame(n_trials: int = 30) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "trial": range(n_trials),
            "score": np.linspace(0.0, 1.0, n_trials),
            "gamma": np.arange(n_trials) % 4 / 10,
            "reward": ["sharpe", "profit"] * (n_trials // 2) + ["profit"] * (n_trials % 2),
        }
    )


def test_the_best_come_first_and_of_equal_ones_the_earlier() -> None:
    tied = frame().with_columns(score=pl.Series([1.0, 3.0, 3.0] + [2.0] * 27))

    assert ScoredTrials(frame=tied).frame["trial"].to_list()[:4] == [1, 2, 3, 4]
    assert ScoredTrials(frame=tied.reverse()).frame.equals(ScoredTrials(frame=tied).frame)


@pytest.mark.parametrize(("n_trials", "n_top"), [(21, 3), (30, 3), (31, 4), (60, 6)])
def test_the_best_tenth_is_rounded_up(n_trials: int, n_top: int) -> None:
    assert ScoredTrials(frame=frame(n_trials)).n_top == n_top


def test_numbers_have_ranks_and_text_has_categories() -> None:
    trials = ScoredTrials(frame=frame(24))

    assert trials.parameters == ("gamma", "reward")
    assert [trials.is_ordered(each) for each in trials.parameters] == [True, False]
    assert trials.ranks("gamma")[:4].tolist() == [21.5, 15.5, 9.5, 3.5]  # of 0.3, 0.2, 0.1, 0
    names, positions = trials.categories("reward")
    assert (names, positions[:3].tolist()) == (["profit", "sharpe"], [0, 1, 0])
    assert trials.membership("reward")[:2].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_booleans_are_categories() -> None:
    flagged = frame().with_columns(flag=pl.col("trial") % 3 == 0)

    assert ScoredTrials(frame=flagged).categories("flag")[0] == ["false", "true"]


@pytest.mark.parametrize("column", ["score", "gamma"])
@pytest.mark.parametrize("bad", [nan, inf])
def test_incident_07_a_value_that_is_none_is_refused(column: str, bad: float) -> None:
    broken = frame().with_columns(
        pl.when(pl.col("trial") == 5).then(bad).otherwise(column).alias(column)
    )

    with pytest.raises(ValueError, match=f"those of {column} are not"):
        ScoredTrials(frame=broken)


@pytest.mark.parametrize("column", ["trial", "score", "gamma", "reward"])
def test_incident_07_a_missing_value_is_refused(column: str) -> None:
    broken = frame().with_columns(pl.when(pl.col("trial") != 5).then(column).alias(column))

    with pytest.raises(ValueError, match=f"{column} has 1"):
        ScoredTrials(frame=broken)


def test_what_nothing_can_be_learned_from_is_refused() -> None:
    refused = [
        (frame(20), "21 in all, but got 20"),
        (frame().drop("score"), "score"),
        (frame().select("trial", "score"), "there is none"),
        (frame().with_columns(trial=pl.col("trial") // 2), "comes twice"),
        (frame().with_columns(gamma=pl.lit(0.9)), r"gamma: it is 0\.9 in all"),
        (frame().with_columns(score=pl.lit(0.9)), r"score: it is 0\.9 in all"),
        (frame().with_columns(day=pl.date(2024, 1, pl.col("trial") % 9 + 1)), "got Date"),
    ]
    for broken, message in refused:
        with pytest.raises(ValueError, match=message):
            ScoredTrials(frame=broken)
