"""Whether training rows, test rows and the hold-out are kept apart."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.proofs.findings import Check
from cappuccino_assets.proofs.history import History, Seen
from cappuccino_assets.proofs.records import NEVER, Difference, Record, compare, difference
from cappuccino_assets.proofs.sights import (
    decisions_record,
    features_record,
    observations_record,
    with_other_rows,
)
from cappuccino_assets.proofs.trades import training_record
from cappuccino_assets.types import BoolArray, FloatArray

_ALWAYS: Final = NEVER - 1  # a time after everything
_LONG_AGO: Final = -(2**40)  # a row before which there is no test row


def split_checks(seen: Seen) -> Iterator[Check]:
    """Check every split of the cross-validation of what search sees.

    Args:
        seen: Compact arrays up to the hold-out.
    """
    splits = seen.pipeline.splits(seen.plan, seen.arrays, seen.settings.lookback)
    yield _scalers_check(seen, splits)
    yield _purge_check(seen, splits)
    yield _episodes_check(seen, splits)


def holdout_checks(whole: History, other: History) -> Iterator[Check]:
    """Compare everything that search sees.

    Args:
        whole: The history.
        other: The same one with another hold-out.
    """
    seen, changed = (each.seen(Layout.COMPACT).for_search() for each in (whole, other))
    pairs = {
        "features": (features_record(seen), features_record(changed)),
        "decisions": (decisions_record(seen), decisions_record(changed)),
        "splits": (_splits_record(seen), _splits_record(changed)),
        "scalers": (_scalers_record(seen), _scalers_record(changed)),
        "observations": (
            observations_record(seen, _ALWAYS),
            observations_record(changed, _ALWAYS),
        ),
        "training": (training_record(seen), training_record(changed)),
    }
    for name, (expected, found) in pairs.items():
        n_rows, first = compare(expected, found, cut=None)
        yield Check(name=f"hold-out replaced: {name}", n_cuts=1, n_rows=n_rows, difference=first)
    yield _end_check(seen)


def _end_check(seen: Seen) -> Check:
    """Check that the last row of search has closed when the hold-out begins."""
    closes, holdout_from = seen.known_at, int(seen.plan.holdout_from.timestamp())
    late = np.flatnonzero(closes > holdout_from)
    first = None
    if late.size:
        row = int(late[0])
        first = difference(
            "close of the bar",
            row=row,
            time=int(seen.arrays.open_time[row]),
            expected=f"by {seen.plan.holdout_from:%Y-%m-%d %H:%M} UTC",
            found=f"{(closes[row] - holdout_from) / 3600:g} hours later",
        )
    return Check(
        name="hold-out: begins after search", n_cuts=1, n_rows=len(closes), difference=first
    )


def _scalers_check(seen: Seen, splits: Sequence[Split]) -> Check:
    n_rows, first = 0, None
    for split in splits:
        outside = ~_rows(seen, split.train_blocks)
        changed = with_other_rows(seen, outside, seed=seen.settings.seed + split.number)
        fitted = seen.pipeline.scaler(seen.arrays, split.train_blocks)
        refitted = seen.pipeline.scaler(changed.arrays, split.train_blocks)
        first = first or _scaler_difference(seen, split.number, fitted, refitted)
        n_rows += int(outside.sum())
    name = "scalers: other test, purged and embargoed rows"
    return Check(name=name, n_cuts=len(splits), n_rows=n_rows, difference=first)


def _scaler_difference(
    seen: Seen, number: int, fitted: Scaler, refitted: Scaler
) -> Difference | None:
    for what in ("mean", "std"):
        both = zip(getattr(fitted, what), getattr(refitted, what), strict=True)
        for column, (expected, found) in zip(seen.arrays.contract.columns, both, strict=True):
            if expected != found:
                name = f"{column} ({what} of split {number})"
                return difference(name, row=number, expected=expected, found=found)
    return None


def _purge_check(seen: Seen, splits: Sequence[Split]) -> Check:
    """Check how far after the test row before it a training row lies, and that it is no test row.

    An observation reaches back over the memory of its features and its lookback.
    """
    contract, plan = seen.arrays.contract, seen.plan
    reach = contract.memory_bars + seen.settings.lookback - 1
    embargo = plan.profile.embargo_days * plan.interval.bars_per_day
    n_rows, first = 0, None
    for split in splits:
        tested = _rows(seen, [block for _, block in split.test_blocks])
        rows = np.flatnonzero(_rows(seen, split.train_blocks))
        last_test = np.maximum.accumulate(np.where(tested, np.arange(len(tested)), _LONG_AGO))
        distance = rows - last_test[rows]
        near = np.flatnonzero(distance <= reach + embargo)
        n_rows += len(rows)
        if near.size and first is None:
            row = int(rows[near[0]])
            first = difference(
                f"training row of split {split.number}",
                row=row,
                time=int(seen.arrays.open_time[row]),
                expected=f"more than {reach} + {embargo} bars after the last test row",
                found=f"{distance[near[0]]} bars",
            )
    name = "purge and embargo: training rows away from test rows"
    return Check(name=name, n_cuts=len(splits), n_rows=n_rows, difference=first)


def _episodes_check(seen: Seen, splits: Sequence[Split]) -> Check:
    """Check that every training episode starts and stops inside one training block."""
    table = seen.pipeline.starts(
        [split.train_blocks for split in splits], seen.arrays, seen.settings.lookback
    )
    n_rows, first = 0, None
    for split, count, starts, stops in zip(
        splits, table.count.tolist(), table.start.numpy(), table.stop.numpy(), strict=True
    ):
        block_end = np.zeros(seen.arrays.n_bars, dtype=np.int64)  # of the block of each row, or 0
        for block in split.train_blocks:
            block_end[block.rows] = block.stop
        beyond = np.flatnonzero(stops[:count] > block_end[starts[:count]])
        n_rows += count
        if beyond.size and first is None:
            row = int(starts[beyond[0]])
            first = difference(
                f"episode of split {split.number}",
                row=row,
                time=int(seen.arrays.open_time[row]),
                expected=f"stops at row {block_end[row]}",
                found=f"stops at row {stops[beyond[0]]}",
            )
    name = "episodes: inside training blocks"
    return Check(name=name, n_cuts=len(splits), n_rows=n_rows, difference=first)


def _splits_record(seen: Seen) -> Record:
    """Which rows each split trains and tests on; its columns are the splits."""
    splits = seen.pipeline.splits(seen.plan, seen.arrays, seen.settings.lookback)
    parts = [_rows(seen, split.train_blocks) for split in splits]
    parts += [_rows(seen, [block for _, block in split.test_blocks]) for split in splits]
    names = [f"{use} by split {split.number}" for use in ("trained", "tested") for split in splits]
    return _timeless(seen, names, np.stack(parts, axis=1).astype(np.float64))


def _scalers_record(seen: Seen) -> Record:
    """Every split's scaler, and that of the final fit, in one row."""
    splits = seen.pipeline.splits(seen.plan, seen.arrays, seen.settings.lookback)
    members = [split.train_blocks for split in splits]
    members.append(tuple(segment_blocks(seen.arrays.segment)))
    scalers = [seen.pipeline.scaler(seen.arrays, blocks) for blocks in members]
    names = [
        f"{column} ({what} of member {member})"
        for member in range(len(scalers))
        for what in ("mean", "std")
        for column in seen.arrays.contract.columns
    ]
    values = np.array([[x for scaler in scalers for x in scaler.mean + scaler.std]])
    return _timeless(seen, names, values)


def _timeless(seen: Seen, names: Sequence[str], values: FloatArray) -> Record:
    time = seen.arrays.open_time[: len(values)]
    return Record(time=time, known_at=time, settled_at=time, columns=tuple(names), values=values)


def _rows(seen: Seen, blocks: Sequence[Block]) -> BoolArray:
    rows = np.zeros(seen.arrays.n_bars, dtype=np.bool_)
    for block in blocks:
        rows[block.rows] = True
    return rows
