"""Contiguous runs of rows."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cappuccino_assets.types import IntArray


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Block:
    """Half-open rows [start, stop)."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        """Refuse a block without rows.

        Raises:
            ValueError: Unless 0 <= start < stop.
        """
        if not 0 <= self.start < self.stop:
            raise ValueError(
                f"A block needs 0 <= start < stop, but got {self.start=}, {self.stop=}."
            )

    @property
    def n_bars(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    @property
    def rows(self) -> slice:
        """The rows, as an index."""
        return slice(self.start, self.stop)


def segment_blocks(segment: IntArray, start: int = 0, stop: int | None = None) -> list[Block]:
    """Find the longest runs of one segment.

    Args:
        segment: Segment of each row, shape (T,); -1 belongs to none.
        start: First row to look at.
        stop: Row after the last one to look at; the end when None.

    Returns:
        Blocks in order, none of which crosses a segment's edge or holds a row of no segment.
    """
    part = segment[start:stop]
    edges = np.flatnonzero(np.diff(part, prepend=-2, append=-2))  # -2: no segment has that number
    return [
        Block(start=start + first, stop=start + last)
        for first, last in pairwise(edges.tolist())
        if part[first] >= 0
    ]
