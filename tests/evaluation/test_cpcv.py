import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits, Split
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.types import IntArray


def gapless(n_bars: int) -> IntArray:
    return np.zeros(n_bars, np.int64)


def spans(split: Split) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
    tests = [(group, block.start, block.stop) for group, block in split.test_blocks]
    return tests, [(block.start, block.stop) for block in split.train_blocks]


def train_rows(split: Split) -> set[int]:
    return {row for block in split.train_blocks for row in range(block.start, block.stop)}


def test_the_splits_of_forty_bars_worked_out_by_hand() -> None:
    splits = CombinatorialPurgedSplits(purge_bars=3, embargo_bars=1).split(gapless(40))

    assert [spans(split) for split in splits] == [
        ([(0, 0, 10), (1, 10, 20)], [(24, 40)]),
        ([(0, 0, 10), (2, 20, 30)], [(14, 20), (34, 40)]),
        ([(0, 0, 10), (3, 30, 40)], [(14, 30)]),
        ([(1, 10, 20), (2, 20, 30)], [(0, 10), (34, 40)]),
        ([(1, 10, 20), (3, 30, 40)], [(0, 10), (24, 30)]),
        ([(2, 20, 30), (3, 30, 40)], [(0, 20)]),
    ]
    assert [split.number for split in splits] == [0, 1, 2, 3, 4, 5]


def test_the_defaults_give_six_splits_and_three_paths() -> None:
    splits = CombinatorialPurgedSplits(purge_bars=0)

    assert (splits.n_splits, splits.n_paths) == (6, 3)


def test_a_gap_cuts_the_blocks_on_both_sides() -> None:
    segment = gapless(40)
    segment[12:14] = -1
    segment[14:] = 1

    splits = CombinatorialPurgedSplits(n_test_groups=1, purge_bars=2).split(segment)

    assert spans(splits[0]) == ([(0, 0, 10)], [(14, 40)])
    assert spans(splits[1]) == ([(1, 10, 12), (1, 14, 20)], [(0, 10), (22, 40)])
    assert spans(splits[3]) == ([(3, 30, 40)], [(0, 12), (14, 30)])


def test_only_the_rows_asked_for_are_divided() -> None:
    splits = CombinatorialPurgedSplits(n_groups=2, n_test_groups=1, purge_bars=1).split(
        gapless(100), start=20, stop=40
    )

    assert [spans(split) for split in splits] == [
        ([(0, 20, 30)], [(31, 40)]),
        ([(1, 30, 40)], [(20, 30)]),
    ]


@settings(deadline=None, max_examples=200)
@given(
    n_bars=st.integers(200, 400),
    n_groups=st.integers(2, 6),
    tested=st.integers(1, 5),
    memory=st.integers(0, 12),
    lookback=st.integers(1, 6),
    embargo=st.integers(0, 5),
    gaps=st.lists(st.integers(0, 399), max_size=4),
)
def test_incident_04_nothing_that_training_sees_or_is_paid_for_touches_a_test_bar(
    n_bars: int,
    n_groups: int,
    tested: int,
    memory: int,
    lookback: int,
    embargo: int,
    gaps: list[int],
) -> None:
    segment = gapless(n_bars)
    for gap in gaps:
        segment[gap:] += 1
        segment[gap : gap + 1] = -1
    purged = CombinatorialPurgedSplits(
        n_groups=n_groups,
        n_test_groups=min(tested, n_groups - 1),
        purge_bars=memory + lookback - 1,
        embargo_bars=embargo,
    )

    try:
        splits = purged.split(segment)
    except HistoryTooShortError:
        reject()

    for split in splits:
        test = {row for _, block in split.test_blocks for row in range(block.start, block.stop)}
        groups = {
            row
            for group in split.test_groups
            for row in range(group * n_bars // n_groups, (group + 1) * n_bars // n_groups)
        }
        assert test == {row for row in groups if segment[row] >= 0}
        for block in split.train_blocks:
            assert len(set(segment[block.rows].tolist())) == 1
            # The last decision's reward is marked at the block's last row.
            for row in range(block.start, block.stop):
                seen = range(row - (lookback - 1) - memory - embargo, row + 1)
                assert groups.isdisjoint(seen)


def test_purging_takes_no_more_than_it_must() -> None:
    split = CombinatorialPurgedSplits(n_groups=2, n_test_groups=1, purge_bars=7).split(gapless(40))[
        0
    ]

    assert split.train_blocks == (Block(start=27, stop=40),)


@pytest.mark.parametrize(
    ("n_groups", "n_test_groups", "purge", "embargo"),
    [(4, 2, 0, 0), (4, 2, 5, 3), (6, 2, 9, 0), (5, 3, 2, 4)],
)
def test_the_splits_agree_with_skfolio(
    n_groups: int, n_test_groups: int, purge: int, embargo: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skfolio.model_selection import CombinatorialPurgedCV
    n_bars = 40 * n_groups
    # Its labels reach forward, so it purges on both sides; ours look back only.
    theirs = CombinatorialPurgedCV(
        n_folds=n_groups, n_test_folds=n_test_groups, purged_size=0, embargo_size=purge + embargo
    )
    ours = CombinatorialPurgedSplits(
        n_groups=n_groups, n_test_groups=n_test_groups, purge_bars=purge, embargo_bars=embargo
    )

    splits = ours.split(gapless(n_bars))
    reference = list(theirs.split(np.zeros((n_bars, 1))))

    assert len(splits) == len(reference) == ours.n_splits
    assert theirs.n_test_paths == ours.n_paths
    expected_tests = list(combinations(range(n_groups), n_test_groups))
    for split, (train, tests), groups in zip(splits, reference, expected_tests, strict=True):
        assert train_rows(split) == set(train.tolist())
        assert split.test_groups == groups
        tested = [set(range(block.start, block.stop)) for _, block in split.test_blocks]
        assert tested == [set(rows.tolist()) for rows in tests]


@settings(deadline=None, max_examples=60)
@given(
    n_groups=st.integers(2, 6),
    tested=st.integers(1, 5),
    purge=st.integers(0, 40),
    embargo=st.integers(0, 10),
    cycle=st.integers(1, 30),
)
def test_a_history_that_is_too_short_is_refused_with_the_number_of_bars_it_needs(
    n_groups: int, tested: int, purge: int, embargo: int, cycle: int
) -> None:
    splits = CombinatorialPurgedSplits(
        n_groups=n_groups,
        n_test_groups=min(tested, n_groups - 1),
        purge_bars=purge,
        embargo_bars=embargo,
        min_train_bars=5 * cycle,
    )
    with pytest.raises(HistoryTooShortError) as refusal:
        splits.split(gapless(n_groups))  # one row is no test
    n_required = refusal.value.n_required

    assert n_required == splits.shortest_history()
    assert len(splits.split(gapless(n_required))) == splits.n_splits
    with pytest.raises(HistoryTooShortError):
        splits.split(gapless(n_required - 1))


def test_five_cycles_of_training_are_enough_and_one_bar_less_is_not() -> None:
    # 4 groups of 50; split 1 tests 0 and 2: trains on 2 x (50 - 20) = 60 rows.
    enough = CombinatorialPurgedSplits(purge_bars=20, min_train_bars=60)
    too_many = CombinatorialPurgedSplits(purge_bars=20, min_train_bars=61)

    assert enough.split(gapless(200))
    with pytest.raises(HistoryTooShortError, match="would train on 60 bars, but needs 61"):
        too_many.split(gapless(200))


@pytest.mark.parametrize(
    ("n_groups", "n_test_groups", "purge"), [(4, 4, 0), (4, 0, 0), (1, 1, 0), (4, 2, -1)]
)
def test_counts_that_leave_nothing_are_refused(
    n_groups: int, n_test_groups: int, purge: int
) -> None:
    with pytest.raises(ValueError, match="but got"):
        CombinatorialPurgedSplits(n_groups=n_groups, n_test_groups=n_test_groups, purge_bars=purge)
