"""Other things that might have happened: valid bars in the place of the real ones."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.types import BoolArray, FloatArray

_LOST_SHARE: Final = 0.02
_IDLE_SHARE: Final = 0.02
_OUTAGE_SHARE: Final = 0.5  # of the symbols, from the cut on
_OUTAGE_HOURS: Final = (4, 16)
_LONG_GAP: Final = timedelta(hours=40)


def until(bars: Bars, time: datetime) -> Bars:
    """Keep the bars that have closed by a time, as if the rest had not happened yet."""
    closed = pl.col("timestamp") + pl.duration(seconds=bars.interval.seconds) <= time
    return Bars(frame=bars.frame.filter(closed), interval=bars.interval, symbols=bars.symbols)


def with_other_future(bars: Bars, time: datetime, *, seed: int) -> Bars:
    """Replace every bar that opens at a time or later by another valid one.

    Prices jump and wander elsewhere, volumes have nothing to do with the real ones, some bars are
    lost and some idle, and some symbols lose their first hours. The last time stays. A gap that is
    open at the cut ends when it did, for only its end tells whether its rows count.

    Args:
        bars: The history.
        time: From when on everything is other.
        seed: Of the other future.
    """
    rng = np.random.default_rng(seed)
    frames = [_other(bars, part, time, rng) for part in _by_symbol(bars)]
    return Bars(frame=pl.concat(frames), interval=bars.interval, symbols=bars.symbols)


def with_other_stretch(bars: Bars, start: datetime, stop: datetime, *, seed: int) -> Bars:
    """Replace the values of the bars that open in [start, stop); those before and after stay.

    Every bar that is lost or idle stays so.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for part in _by_symbol(bars):
        inside = (part["timestamp"] >= start) & (part["timestamp"] < stop)
        stretch = part.filter(inside)
        idle = (stretch["volume"] == 0).to_numpy()
        values = _walk(stretch.height, stretch["open"][0], idle, rng)
        changed = stretch.with_columns(pl.Series(name, value) for name, value in values.items())
        frames.append(pl.concat([part.filter(~inside), changed]).sort("timestamp"))
    return Bars(frame=pl.concat(frames), interval=bars.interval, symbols=bars.symbols)


def with_gaps(bars: Bars, *, seed: int) -> Bars:
    """Lose a few bars of each symbol, idle in others, and lose one long stretch of one symbol.

    So that a smooth market has every kind of border that a proof should look at.

    Args:
        bars: The history; its first and last bars stay.
        seed: Of what is lost.
    """
    rng = np.random.default_rng(seed)
    length = bars.end - bars.start
    gap_from = bars.start + length * rng.uniform(0.55, 0.6)
    frames = []
    for number, part in enumerate(_by_symbol(bars)):
        lost, idle = (rng.random((2, part.height)) < 0.002).tolist()
        in_gap = part["timestamp"].is_between(gap_from, gap_from + _LONG_GAP)
        gone = pl.Series(lost) | (in_gap & (number == 0))
        kept = ~gone | part["timestamp"].is_in([bars.start, bars.end])
        volume = pl.when(pl.Series(idle)).then(0.0).otherwise(pl.col("volume")).alias("volume")
        frames.append(part.with_columns(volume).filter(kept))
    return Bars(frame=pl.concat(frames), interval=bars.interval, symbols=bars.symbols)


def _by_symbol(bars: Bars) -> list[pl.DataFrame]:
    return [bars.frame.filter(pl.col("symbol") == symbol) for symbol in bars.symbols]


def _other(
    bars: Bars, part: pl.DataFrame, time: datetime, rng: np.random.Generator
) -> pl.DataFrame:
    past, future = part.filter(pl.col("timestamp") < time), part.filter(pl.col("timestamp") >= time)
    if future.is_empty():
        return part
    observed = (future["volume"] > 0).to_numpy()
    idle = rng.random(len(observed)) < _IDLE_SHARE
    lost = (rng.random(len(observed)) < _LOST_SHARE) | _outage(future["timestamp"], time, rng)
    if _ends_in_gap(bars, past, time):
        in_gap = np.cumsum(observed) <= 1  # up to the bar that ends it
        idle, lost = np.where(in_gap, ~observed, idle), lost & ~in_gap
    last_close = future["open"][0] if past.is_empty() else past["close"][-1]
    values = _walk(len(idle), last_close, idle, rng)
    changed = future.with_columns(pl.Series(name, value) for name, value in values.items())
    is_last = (future["timestamp"] == bars.end).to_numpy()
    return pl.concat([past, changed.filter(pl.Series(~lost | is_last))])


def _outage(times: pl.Series, cut: datetime, rng: np.random.Generator) -> BoolArray:
    hours = rng.uniform(*_OUTAGE_HOURS) if rng.random() < _OUTAGE_SHARE else 0.0
    return (times < cut + timedelta(hours=hours)).to_numpy()


def _ends_in_gap(bars: Bars, past: pl.DataFrame, cut: datetime) -> bool:
    """Whether the bar right before the cut is missing or idle."""
    before = cut - timedelta(seconds=bars.interval.seconds)
    last = past.tail(1)
    return last.is_empty() or last["timestamp"][0] < before or last["volume"][0] == 0


def _walk(
    n_bars: int, last_close: float, idle: BoolArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    start = last_close * np.exp(rng.uniform(0.3, 0.7) * rng.choice([-1.0, 1.0]))
    noise = 0.01 * rng.standard_normal((4, n_bars))
    close = start * np.exp(np.clip(noise[0].cumsum(), -2, 2))
    open_ = np.concatenate(([start], close[:-1])) * np.exp(noise[1])
    return {
        "open": open_,
        "high": np.maximum(open_, close) * np.exp(np.abs(noise[2])),
        "low": np.minimum(open_, close) * np.exp(-np.abs(noise[3])),
        "close": close,
        "volume": np.where(idle, 0.0, np.exp(3 * rng.standard_normal(n_bars))),
    }
