"""What an agent sees and is standardised by, as records."""

from dataclasses import replace

import numpy as np
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.proofs.history import Seen
from cappuccino_assets.proofs.records import Record, joined_values
from cappuccino_assets.types import BoolArray


def features_record(seen: Seen) -> Record:
    """Features, prices and segment of every usable row."""
    arrays = seen.arrays
    prices = tuple(f"{symbol}.{name}" for name in ("open", "close") for symbol in arrays.symbols)
    record = Record(
        time=arrays.open_time,
        known_at=seen.known_at,
        settled_at=seen.settled_at,
        columns=(*arrays.contract.columns, *prices, "segment"),
        values=joined_values([arrays.features, arrays.open, arrays.close, arrays.segment[:, None]]),
    )
    return record.rows(arrays.segment >= 0)


def decisions_record(seen: Seen) -> Record:
    """Whether a decision at a row's close is filled, which the next bar decides."""
    return Record(
        time=seen.arrays.open_time,
        known_at=seen.known_at + seen.arrays.interval.seconds,
        settled_at=np.maximum(seen.settled_at, seen.known_at + seen.arrays.interval.seconds),
        columns=("tradable",),
        values=joined_values([seen.arrays.tradable[:, None]]),
    )


def scaler_before(seen: Seen, cut: int) -> Scaler:
    """Fit a scaler on all rows that are settled by a time.

    Raises:
        ConstantColumnError: If a column does not change until then.
        HistoryTooShortError: If there is no such row.
    """
    stop = int(np.searchsorted(seen.settled_at, cut, side="right"))
    blocks = segment_blocks(seen.arrays.segment, 0, stop)
    if not blocks:
        raise HistoryTooShortError("No row with features is settled", n_bars=0, n_required=1)
    return seen.pipeline.scaler(seen.arrays, blocks)


def scaler_record(seen: Seen, cut: int) -> Record:
    """Mean and deviation of every column over the rows before a time: one row."""
    scaler, at = scaler_before(seen, cut), np.array([cut])
    names = (
        f"{each} ({what})" for what in ("mean", "std") for each in seen.arrays.contract.columns
    )
    return Record(
        time=at,
        known_at=at,
        settled_at=at,
        columns=tuple(names),
        values=np.array([scaler.mean + scaler.std]),
    )


@torch.inference_mode()
def observations_record(seen: Seen, cut: int) -> Record:
    """Observations of a new account at every row before a time, with a scaler fitted before it."""
    arrays, settings, scaler = seen.arrays, seen.settings, scaler_before(seen, cut)
    observe = seen.pipeline.observe(MarketTensors.from_arrays(arrays), scaler, settings.lookback)
    rows = np.flatnonzero(sees_whole_lookback(seen) & (seen.known_at <= cut))
    account = torch.zeros(1, len(rows), len(arrays.symbols) + 2)
    account[..., 0] = account[..., -1] = 1.0  # all in cash, and the whole cycle left
    values = observe(torch.tensor(rows)[None], account)[0].double().numpy()
    contract = arrays.contract.for_model(
        lookback=settings.lookback,
        clock_bars=settings.cycle_bars,
        norm_tech_exp=0.0,
        scaler=scaler,
        action_space={},
    )
    return Record(
        time=arrays.open_time[rows],
        known_at=seen.known_at[rows],
        settled_at=seen.settled_at[rows],
        columns=contract.observation_columns,
        values=values,
    )


def sees_whole_lookback(seen: Seen) -> BoolArray:
    """Rows that a whole lookback of their own segment ends at, shape (T,)."""
    segment, first = seen.arrays.segment, seen.settings.lookback - 1
    same = np.zeros(len(segment), dtype=np.bool_)
    same[first:] = segment[first:] == segment[: len(segment) - first]
    return same & (segment >= 0)


def with_other_rows(seen: Seen, rows: BoolArray, *, seed: int) -> Seen:
    """Replace the features of some rows by noise, shape (T,)."""
    rng = np.random.default_rng(seed)
    features = seen.arrays.features.copy()
    noise = 10 * rng.standard_normal((int(rows.sum()), features.shape[1]))
    features[rows] = noise.astype(features.dtype)
    return replace(seen, arrays=replace(seen.arrays, features=features))
