"""Where training episodes may begin."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.types import BoolArray, IntArray


class StartTable:
    """Every row at which an episode of a member may start, and the row before which it must stop.

    A start can be traded, sees a whole lookback of its own segment, and has at least `min_bars`
    rows up to the end of its block and segment, whichever comes first.

    Args:
        blocks: Training rows of each member, M in all.
        tradable: Rows at which a decision can be filled, shape (T,).
        lookback: Bars in one observation.
        segment: Number of the gapless run, shape (T,); -1 where a row cannot be used.
        min_bars: Rows of the shortest episode, its first and last decision's bars included.
        device: Where starts are drawn.

    Raises:
        ValueError: If `min_bars` leaves no bar to trade in, or a block ends beyond the rows.
        TrialFailedError: If a member has no start at all.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[Block]],
        tradable: BoolArray,
        *,
        lookback: int,
        segment: IntArray,
        min_bars: int = 2,
        device: torch.device | str = "cpu",
    ):
        if min_bars < 2:
            raise ValueError(f"An episode has at least 2 rows, but got {min_bars=}.")
        usable = tradable & _sees_whole_lookback(segment, lookback)
        ends = _segment_ends(segment)
        pairs = [_starts_and_stops(each, usable, ends, min_bars) for each in blocks]
        for member, (start, _) in enumerate(pairs):
            if not len(start):
                n_bars = sum(block.n_bars for block in blocks[member])
                raise TrialFailedError(
                    f"No episode of member {member} can start: none of its {n_bars} training "
                    f"rows can be traded, ends {lookback} bars of one segment, and is the first "
                    f"of {min_bars} rows in its block and segment."
                )
        self.count = torch.tensor([len(start) for start, _ in pairs], device=device)
        self.start = _padded([start for start, _ in pairs], device)
        self.stop = _padded([stop for _, stop in pairs], device)

    def draw(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Choose starts, each as likely as any other of its member.

        Args:
            uniform: Numbers in [0, 1), shape (M, E).

        Returns:
            First row and the row after the last one, int64, shape (M, E).
        """
        count = self.count[:, None]
        index = (uniform * count).long().minimum(count - 1)  # a product may round up to the count
        return self.start.gather(1, index), self.stop.gather(1, index)


def _sees_whole_lookback(segment: IntArray, lookback: int) -> BoolArray:
    sees = np.zeros(len(segment), dtype=np.bool_)
    first = lookback - 1
    sees[first:] = segment[first:] == segment[: len(segment) - first]
    return sees


def _segment_ends(segment: IntArray) -> IntArray:
    last = np.append(np.flatnonzero(np.diff(segment)), len(segment) - 1)
    ends = last[np.searchsorted(last, np.arange(len(segment)))] + 1
    return ends.astype(np.int64)


def _starts_and_stops(
    blocks: Sequence[Block], usable: BoolArray, ends: IntArray, min_bars: int
) -> tuple[IntArray, IntArray]:
    starts, stops = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in blocks:
        if block.stop > len(usable):
            raise ValueError(f"{block} ends beyond the {len(usable)} rows there are.")
        start = block.start + np.flatnonzero(usable[block.rows])
        stop = np.minimum(ends[start], block.stop)
        long_enough = start + min_bars <= stop
        starts.append(start[long_enough])
        stops.append(stop[long_enough])
    return np.concatenate(starts), np.concatenate(stops)


def _padded(rows: Sequence[IntArray], device: torch.device | str) -> Tensor:
    width = max(map(len, rows))
    table = np.stack([np.pad(row, (0, width - len(row))) for row in rows])
    return torch.tensor(table, device=device)
