"""Times at which a history is cut."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.proofs.history import Seen

_AROUND_WARM_UP = (3, 4, 40)  # rows after the first with features


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cut:
    """A time from which on nothing is known.

    Attributes:
        time: UTC epoch seconds, a multiple of the finest bars' length.
        kind: Why it was chosen.
    """

    time: int
    kind: str


def choose_cuts(seen: Seen, *, n_cuts: int, seed: int, finest_seconds: int) -> list[Cut]:
    """Choose cuts at the ends of the warm-up, segments and gaps, inside bars, and at random.

    Args:
        seen: The whole history.
        n_cuts: How many; half of them at borders, as far as there are such.
        seed: Of the choice.
        finest_seconds: Length of the finest bars; cuts lie inside longer ones too.

    Returns:
        Cuts in the order of time, no two at one time.
    """
    rng = np.random.default_rng(seed)
    last = seen.arrays.n_bars - 2
    kinds = {
        "warm-up": [row for row in _AROUND_WARM_UP if row < last],
        "segment border": _around(_segment_borders(seen), last),
        "gap border": _around(_gap_borders(seen), last),
    }
    chosen: dict[int, str] = {}
    for kind, rows in kinds.items():
        n_kind = min(len(rows), max(1, n_cuts // 6))
        for row in rng.choice(rows, n_kind, replace=False) if rows else ():
            chosen.setdefault(int(seen.known_at[row]), kind)
    n_parts = seen.arrays.interval.seconds // finest_seconds
    inside = n_parts > 1
    while len(chosen) < min(n_cuts, last - _AROUND_WARM_UP[0]):
        row = int(rng.integers(_AROUND_WARM_UP[0], last))
        part = int(rng.integers(1, n_parts)) if inside else 0
        kind = "inside a bar" if inside else "any bar"
        chosen.setdefault(int(seen.known_at[row]) + part * finest_seconds, kind)
        inside = n_parts > 1 and not inside
    return [Cut(time=time, kind=kind) for time, kind in sorted(chosen.items())][:n_cuts]


def _segment_borders(seen: Seen) -> set[int]:
    blocks = segment_blocks(seen.arrays.segment)
    return {edge for block in blocks for edge in (block.start, block.stop)}


def _gap_borders(seen: Seen) -> set[int]:
    observed = seen.arrays.observed
    return set((np.flatnonzero((observed[1:] != observed[:-1]).any(axis=1)) + 1).tolist())


def _around(borders: Iterable[int], last: int) -> list[int]:
    near = {border + offset for border in borders for offset in (-1, 0, 1)}
    return sorted(row for row in near if _AROUND_WARM_UP[0] <= row < last)
