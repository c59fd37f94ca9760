"""Whether a row of features remembers no longer than its contract declares."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import numpy as np

from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.proofs.findings import Check
from cappuccino_assets.proofs.futures import with_other_stretch
from cappuccino_assets.proofs.history import History, Seen
from cappuccino_assets.proofs.records import Difference, difference
from cappuccino_assets.types import IntArray

# What recursive averages keep of older bars, and rounding, in standard deviations of a column.
TOLERANCE: Final = 1e-5


def memory_check(whole: History, build: Callable[[Bars], History]) -> Check:
    """Replace the bars of each split's test groups, and compare the features of its training rows.

    Recursive averages never quite forget, so they are compared within `TOLERANCE`.

    Args:
        whole: The history.
        build: Makes a history of other bars.
    """
    seen = whole.seen(Layout.COMPACT).for_search()
    n_rows, first = 0, None
    splits = seen.pipeline.splits(seen.plan, seen.arrays, seen.settings.lookback)
    for split in splits:
        other = build(_other_test_bars(whole.bars, seen, split)).seen(Layout.COMPACT).for_search()
        rows = np.concatenate([np.arange(each.start, each.stop) for each in split.train_blocks])
        n_rows += len(rows)
        first = first or _first_remembered(seen, other, rows)
    name = "memory: other test bars leave training features"
    return Check(name=name, n_cuts=len(splits), n_rows=n_rows, difference=first)


def _other_test_bars(bars: Bars, seen: Seen, split: Split) -> Bars:
    for group in split.test_groups:
        blocks = [block for tested, block in split.test_blocks if tested == group]
        first, last = blocks[0].start, blocks[-1].stop - 1
        bars = with_other_stretch(
            bars,
            datetime.fromtimestamp(int(seen.arrays.open_time[first]), UTC),
            datetime.fromtimestamp(int(seen.known_at[last]), UTC),
            seed=seen.settings.seed + group,
        )
    return bars


def _first_remembered(seen: Seen, other: Seen, rows: IntArray) -> Difference | None:
    expected, found = (each.arrays.features[rows].astype(np.float64) for each in (seen, other))
    scale = seen.arrays.features[seen.arrays.segment >= 0].std(axis=0)
    differs = np.abs(found - expected) > TOLERANCE * scale
    at = np.flatnonzero(differs.any(axis=1))
    if not at.size:
        return None
    column = int(np.flatnonzero(differs[at[0]])[0])
    row = int(rows[at[0]])
    return difference(
        seen.arrays.contract.columns[column],
        row=row,
        time=int(seen.arrays.open_time[row]),
        expected=float(expected[at[0], column]),
        found=float(found[at[0], column]),
    )
