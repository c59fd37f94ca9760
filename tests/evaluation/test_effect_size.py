import numpy as np
import pytest
from scipy.stats import mannwhitneyu, rankdata

from cappuccino_assets.evaluation.effect_size import (
    GroupWeights,
    cliffs_delta,
    cliffs_delta_of_ranks,
    contrast,
    shuffled,
    total_variation,
    total_variation_of_members,
)


def once(n_first: int, n_second: int) -> GroupWeights:
    return GroupWeights(
        first=np.full((1, n_first), 1 / n_first), second=np.full((1, n_second), 1 / n_second)
    )


def test_cliffs_delta_by_hand() -> None:
    # 3 and 5 against 1, 3, 4, 5: greater 1 + 3, smaller 2 + 0, equal 1 + 1; (4 - 2) / 8.
    first, second = np.array([3.0, 5.0]), np.array([1.0, 3.0, 4.0, 5.0])

    assert cliffs_delta(first, second, once(2, 4)).tolist() == [0.25]
    ranks = rankdata(np.concatenate([first, second]))
    assert cliffs_delta_of_ranks(contrast(2, 4), ranks) == pytest.approx(0.25)


def test_cliffs_delta_is_mann_whitneys_u() -> None:
    random = np.random.default_rng(0)
    first, second = (
        random.integers(9, size=13).astype(float),
        random.integers(7, size=40).astype(float),
    )

    u = mannwhitneyu(first, second).statistic

    expected = 2 * u / (13 * 40) - 1
    assert cliffs_delta(first, second, once(13, 40))[0] == pytest.approx(expected)
    ranks = rankdata(np.concatenate([first, second]))
    assert cliffs_delta_of_ranks(contrast(13, 40), ranks) == pytest.approx(expected)


def test_total_variation_by_hand() -> None:
    # Shares 1/2, 1/2, 0 and 1/4, 1/4, 1/2: half of 1/4 + 1/4 + 1/2 must move.
    members = np.eye(3)[[0, 1, 0, 1, 2, 2]]

    assert total_variation(members[:2], members[2:], once(2, 4)).tolist() == [0.5]
    assert total_variation_of_members(contrast(2, 4), members) == pytest.approx(0.5)


def test_of_two_categories_both_are_the_same() -> None:
    flags = np.array([1, 1, 0, 1, 0, 0, 0])

    distance = total_variation_of_members(contrast(3, 4), np.eye(2)[flags])

    assert distance == pytest.approx(2 / 3 - 1 / 4)
    assert cliffs_delta_of_ranks(contrast(3, 4), rankdata(flags)) == pytest.approx(2 / 3 - 1 / 4)


def test_resampling_counts_members_as_often_as_they_are_drawn() -> None:
    random = np.random.default_rng(1)
    weights = GroupWeights.resampled(5, 9, n_draws=2_000, random=random)

    for each, n in ((weights.first, 5), (weights.second, 9)):
        assert each.shape == (2_000, n)
        np.testing.assert_allclose(each.sum(axis=1), 1.0)
        np.testing.assert_allclose(each * n, np.round(each * n), atol=1e-12)
        assert each.var() == pytest.approx((1 - 1 / n) / n**2, rel=0.05)
    assert np.corrcoef(weights.first[:, 0], weights.second[:, 0])[0, 1] == pytest.approx(0, abs=0.1)


def test_a_weighted_delta_is_that_of_repeated_members() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=6), random.normal(size=8)
    weights = GroupWeights.resampled(6, 8, n_draws=20, random=random)

    deltas = cliffs_delta(first, second, weights)

    for draw, delta in enumerate(deltas):
        one = np.repeat(first, np.round(weights.first[draw] * 6).astype(int))
        other = np.repeat(second, np.round(weights.second[draw] * 8).astype(int))
        assert delta == pytest.approx(np.sign(one[:, None] - other).mean())


def test_a_shuffle_keeps_the_sizes_of_the_groups() -> None:
    drawn = shuffled(contrast(2, 6), n_draws=400, random=np.random.default_rng(3))

    assert ((drawn > 0).sum(axis=1) == 2).all()
    np.testing.assert_allclose((drawn > 0).mean(axis=0), 2 / 8, atol=0.08)
