"""Combinatorial purged cross-validation over rows of a bar grid."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np

from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.types import IntArray

_MIN_TEST_BARS = 2  # one to decide at, one to be filled in


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One division of the history.

    Attributes:
        number: Position among the splits, from 0.
        test_groups: Groups that this split tests, in order.
        test_blocks: (group, block) pairs in order; a group with gaps has several blocks.
        train_blocks: Rows to decide at and to be rewarded in during training.
    """

    number: int
    test_groups: tuple[int, ...]
    test_blocks: tuple[tuple[int, Block], ...]
    train_blocks: tuple[Block, ...]

    @property
    def n_train_bars(self) -> int:
        """Rows of all training blocks."""
        return sum(block.n_bars for block in self.train_blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinatorialPurgedSplits:
    """Every choice of `n_test_groups` among `n_groups` contiguous groups of rows.

    Information flows into a training block from the past only: an observation looks back over
    `purge_bars`, so that many rows after a test group are purged, and `embargo_bars` on top. An
    episode ends inside its block, so before a test group the group's first row is limit enough.

    Attributes:
        n_groups: Groups of nearly equal size, N.
        n_test_groups: Groups that each split tests, k.
        purge_bars: How far back an observation looks: memory of a row + lookback - 1.
        embargo_bars: Rows left out after the purged ones.
        min_train_bars: Fewest training rows of a split, five cycles as a rule.

    References:
        López de Prado, "Advances in Financial Machine Learning" (2018), sections 7.4 and 12.4.
    """

    n_groups: int = 4
    n_test_groups: int = 2
    purge_bars: int
    embargo_bars: int = 0
    min_train_bars: int = 1

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train or to test on.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if not 1 <= self.n_test_groups < self.n_groups:
            raise ValueError(
                f"Between 1 and n_groups - 1 groups are tested, but got "
                f"{self.n_test_groups=} of {self.n_groups=}."
            )
        if self.purge_bars < 0 or self.embargo_bars < 0:
            raise ValueError(
                f"Bars are purged from 0 on, but got {self.purge_bars=}, {self.embargo_bars=}."
            )
        if self.min_train_bars < 1:
            raise ValueError(f"A split trains on something, but got {self.min_train_bars=}.")

    @property
    def n_splits(self) -> int:
        """Number of splits, N over k."""
        return comb(self.n_groups, self.n_test_groups)

    @property
    def n_paths(self) -> int:
        """Number of backtest paths: how often each group is tested."""
        return comb(self.n_groups - 1, self.n_test_groups - 1)

    def split(self, segment: IntArray, *, start: int = 0, stop: int | None = None) -> list[Split]:
        """Divide the rows [start, stop).

        Args:
            segment: Segment of each row, shape (T,); -1 belongs to none. No block crosses an edge.
            start: First row.
            stop: Row after the last one; the end when None.

        Returns:
            All splits, in lexicographic order of their test groups.

        Raises:
            HistoryTooShortError: If a group cannot be tested, or a split trains on too few rows.
        """
        stop = len(segment) if stop is None else stop
        splits = self._divide(segment, start, stop)
        n_bars = stop - start
        n_unusable = int((segment[start:stop] < 0).sum())
        for fault in filter(None, map(self._fault, splits)):
            raise HistoryTooShortError(
                fault,
                n_bars=n_bars,
                n_required=max(n_bars + 1, self.shortest_history() + n_unusable),
            )
        return splits

    def shortest_history(self) -> int:
        """Count the rows without a gap that suffice for every split."""

        def suffices(n_bars: int) -> bool:
            splits = self._divide(np.zeros(n_bars, np.int64), 0, n_bars)
            return not any(map(self._fault, splits))

        per_group = -(-self.min_train_bars // (self.n_groups - self.n_test_groups))
        ample = self.n_groups * (per_group + self.purge_bars + self.embargo_bars + _MIN_TEST_BARS)
        return bisect_left(range(ample), True, key=suffices)

    def _fault(self, split: Split) -> str | None:
        testable = {group for group, block in split.test_blocks if block.n_bars >= _MIN_TEST_BARS}
        if untestable := set(split.test_groups) - testable:
            return f"Group {min(untestable)} has no stretch of {_MIN_TEST_BARS} bars to test on"
        if split.n_train_bars < self.min_train_bars:
            return (
                f"Split {split.number} would train on {split.n_train_bars} bars, "
                f"but needs {self.min_train_bars}"
            )
        return None

    def _divide(self, segment: IntArray, start: int, stop: int) -> list[Split]:
        n_bars = stop - start
        edges = [start + g * n_bars // self.n_groups for g in range(self.n_groups + 1)]
        groups = list(pairwise(edges))
        tests = combinations(range(self.n_groups), self.n_test_groups)
        return [
            Split(
                number=number,
                test_groups=tested,
                test_blocks=tuple(
                    (group, block)
                    for group in tested
                    for block in segment_blocks(segment, *groups[group])
                ),
                train_blocks=self._train_blocks(segment, groups, tested),
            )
            for number, tested in enumerate(tests)
        ]

    def _train_blocks(
        self, segment: IntArray, groups: list[tuple[int, int]], tested: tuple[int, ...]
    ) -> tuple[Block, ...]:
        kept = segment.copy()
        for group in tested:
            first, stop = groups[group]
            kept[first : stop + self.purge_bars + self.embargo_bars] = -1
        return tuple(segment_blocks(kept, groups[0][0], groups[-1][1]))
