import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.features.blocks import Block
from tests.envs.markets import arrays_of


def starts_of(table, member=0):
    count = table.count[member]
    return list(
        zip(table.start[member, :count].tolist(), table.stop[member, :count].tolist(), strict=True)
    )


def block(start, stop):
    return Block(start=start, stop=stop)


def arrays_with(segment, missing=()):
    observed = np.ones((len(segment), 2), np.bool_)
    observed[list(missing), 1] = False
    return arrays_of(np.full((len(segment), 2), 5.0), observed=observed, segment=segment)


def table_of(arrays, *blocks, lookback=1, min_bars=2):
    return StartTable(
        blocks, arrays.tradable, lookback=lookback, segment=arrays.segment, min_bars=min_bars
    )


def test_every_row_with_a_bar_after_it_is_a_start():
    table = table_of(arrays_with([0] * 6), [block(1, 5)])
    assert starts_of(table) == [(1, 5), (2, 5), (3, 5)]


def test_episodes_end_with_their_segment_and_their_block():
    arrays = arrays_with([-1, 0, 0, 0, 1, 1, 1, -1])
    assert starts_of(table_of(arrays, [block(0, 8)])) == [(1, 4), (2, 4), (4, 7), (5, 7)]


def test_a_start_sees_a_whole_lookback_of_its_segment_before_the_block_too():
    arrays = arrays_with([-1, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    table = table_of(arrays, [block(1, 10)], [block(3, 6)], lookback=3)
    assert starts_of(table, 0) == [(3, 6), (4, 6), (8, 10)]
    assert starts_of(table, 1) == [(3, 6), (4, 6)]


def test_rows_that_cannot_be_traded_are_no_starts():
    arrays = arrays_with([0] * 7, missing=[3])
    assert starts_of(table_of(arrays, [block(0, 7)])) == [(0, 7), (1, 7), (4, 7), (5, 7)]


def test_short_episodes_can_be_excluded():
    arrays = arrays_with([0] * 6)
    assert starts_of(table_of(arrays, [block(0, 6)], min_bars=5)) == [(0, 6), (1, 6)]
    with pytest.raises(ValueError, match="min_bars=1"):
        table_of(arrays, [block(0, 6)], min_bars=1)


def test_a_member_without_a_start_is_refused():
    arrays = arrays_with([0] * 6)
    with pytest.raises(TrialFailedError, match="member 1 can start: none of its 1 training rows"):
        table_of(arrays, [block(0, 6)], [block(5, 6)])
    unobserved = arrays_with([0] * 6, missing=[1, 3, 5])
    with pytest.raises(TrialFailedError, match="none of its 6 training rows can be traded") as shut:
        table_of(unobserved, [block(0, 6)])
    assert "needed" not in str(shut.value)  # more bars like these would change nothing
    with pytest.raises(ValueError, match="beyond the 6 rows"):
        table_of(arrays, [block(0, 7)])


def test_draws_are_spread_over_all_starts_of_their_member():
    table = table_of(arrays_with([0] * 9), [block(0, 4), block(6, 9)], [block(2, 4)])
    uniform = torch.tensor([[0.0, 0.19, 0.21, 0.59, 0.61, 0.99], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]])
    start, stop = table.draw(uniform.double())
    assert start.tolist() == [[0, 0, 1, 2, 6, 7], [2] * 6]
    assert stop.tolist() == [[4, 4, 4, 4, 9, 9], [4] * 6]


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=6),
    st.sets(st.integers(0, 40), max_size=6),
    st.integers(1, 4),
    st.tuples(st.integers(0, 20), st.integers(2, 40)),
)
def test_no_episode_leaves_its_block_or_segment(lengths, missing, lookback, place):
    segment = np.repeat(np.arange(len(lengths)), lengths)
    arrays = arrays_with(segment, [row for row in missing if row < len(segment)])
    start, stop = place[0], min(place[0] + place[1], len(segment))
    if start >= stop:
        return
    try:
        table = table_of(arrays, [block(start, stop)], lookback=lookback)
    except TrialFailedError:
        return
    for first, end in starts_of(table):
        assert start <= first < first + 1 < end <= stop
        seen = segment[first - lookback + 1 : end]
        assert first - lookback + 1 >= 0
        assert (seen == segment[first]).all()
        assert arrays.observed[first : first + 2].all()
