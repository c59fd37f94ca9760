import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.features.blocks import Block, segment_blocks


def test_blocks_are_the_longest_runs_of_one_segment():
    segment = np.array([-1, 0, 0, 1, 1, -1, 2])
    assert segment_blocks(segment) == [
        Block(start=1, stop=3),
        Block(start=3, stop=5),
        Block(start=6, stop=7),
    ]


def test_blocks_stay_inside_the_rows_asked_for():
    segment = np.array([0, 0, 0, 0, 1, 1])
    assert segment_blocks(segment, 2, 5) == [Block(start=2, stop=4), Block(start=4, stop=5)]
    assert segment_blocks(segment, 3, 3) == []


@given(st.lists(st.integers(-1, 2), max_size=30))
def test_every_row_of_a_segment_is_in_exactly_one_block(numbers):
    segment = np.array(numbers, dtype=np.int64)
    rows = [row for block in segment_blocks(segment) for row in range(block.start, block.stop)]
    assert rows == [row for row, number in enumerate(numbers) if number >= 0]


@pytest.mark.parametrize(("start", "stop"), [(2, 2), (3, 2), (-1, 2)])
def test_a_block_without_rows_is_refused(start, stop):
    with pytest.raises(ValueError, match="0 <= start < stop"):
        Block(start=start, stop=stop)


def test_a_block_counts_and_indexes_its_rows():
    block = Block(start=2, stop=5)
    assert block.n_bars == 3
    assert np.arange(10)[block.rows].tolist() == [2, 3, 4]
