"""How different two groups are: Cliff's delta of numbers, total variation of categories."""

from dataclasses import dataclass

import numpy as np

from cappuccino_assets.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupWeights:
    """How much each member of two groups counts, in B comparisons.

    Attributes:
        first: Weights of the first group, shape (B, n1); rows sum to 1.
        second: Weights of the second group, shape (B, n2).
    """

    first: FloatArray
    second: FloatArray

    @classmethod
    def resampled(
        cls, n_first: int, n_second: int, *, n_draws: int, random: np.random.Generator
    ) -> "GroupWeights":
        """Draw as many members as there are, with replacement, from each group by itself."""
        first, second = (
            random.multinomial(n, np.full(n, 1.0 / n), size=n_draws) / n
            for n in (n_first, n_second)
        )
        return cls(first=first, second=second)


def cliffs_delta(first: FloatArray, second: FloatArray, weights: GroupWeights) -> FloatArray:
    """Compute how much more often a member of the first group is greater than one of the second.

    Args:
        first: Values of the first group, shape (n1,).
        second: Values of the second group, shape (n2,).
        weights: Of their members.

    Returns:
        P(first > second) - P(first < second) per comparison, shape (B,), in [-1, 1].

    References:
        Cliff, "Dominance Statistics: Ordinal Analyses to Answer Ordinal Questions" (1993).
    """
    dominance = np.sign(first[:, None] - second)
    deltas: FloatArray = ((weights.first @ dominance) * weights.second).sum(axis=1)
    return deltas


def total_variation(first: FloatArray, second: FloatArray, weights: GroupWeights) -> FloatArray:
    """Compute the share of one group that would have to change category to be like the other.

    Args:
        first: Membership of the first group, zeros and ones, shape (n1, K).
        second: Membership of the second group, shape (n2, K).
        weights: Of their members.

    Returns:
        Half the sum of absolute differences of shares, shape (B,), in [0, 1].
    """
    difference = weights.first @ first - weights.second @ second
    distances: FloatArray = np.abs(difference).sum(axis=1) / 2
    return distances


def contrast(n_first: int, n_second: int) -> FloatArray:
    """Weights, shape (n1 + n2,), whose product with values is a difference of two means."""
    return np.repeat([1.0 / n_first, -1.0 / n_second], [n_first, n_second])


def shuffled(contrast: FloatArray, *, n_draws: int, random: np.random.Generator) -> FloatArray:
    """Shuffle who belongs to which group, shape (B, n1 + n2)."""
    return random.permuted(np.tile(contrast, (n_draws, 1)), axis=1)


def cliffs_delta_of_ranks(contrasts: FloatArray, ranks: FloatArray) -> FloatArray:
    """Compute `cliffs_delta` from ranks among all, shape (n1 + n2,); equal values share theirs."""
    deltas: FloatArray = contrasts @ ranks * (2.0 / len(ranks))
    return deltas


def total_variation_of_members(contrasts: FloatArray, membership: FloatArray) -> FloatArray:
    """Compute `total_variation` from the membership of all, shape (n1 + n2, K)."""
    distances: FloatArray = np.abs(contrasts @ membership).sum(axis=-1) / 2
    return distances
