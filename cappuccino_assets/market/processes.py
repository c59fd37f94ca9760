"""Random processes that simulated markets are made of; all are causal and vectorised over bars."""

import math
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.types import BoolArray, FloatArray

MAX_SHOCK: Final = 0.1  # of the price, in one bar; keeps every return above -1
_TAIL_DEGREES: Final = 5
_VOLATILITY_MEMORY_HOURS: Final = 48.0
_LOG_VOLATILITY: Final = 0.55
_JUMPS_PER_HOUR: Final = 1 / 240
_JUMP_SIZE: Final = 0.02
_OUTAGES_PER_HOUR: Final = 4 / (365 * 24)
_FAST_HOURS: Final = 12.0  # those of the MACD of hourly bars, so that it shows the momentum
_SLOW_HOURS: Final = 26.0
_SATURATION: Final = 2.0  # in units of the hourly volatility


def stream(seed: int, *labels: str) -> np.random.Generator:
    """Open a random stream of its own, so that no draw depends on any other name's."""
    return np.random.default_rng(
        np.random.SeedSequence(entropy=seed, spawn_key=tuple("|".join(labels).encode()))
    )


def volatility_factor(rng: np.random.Generator, n_bars: int, bar_hours: float) -> FloatArray:
    """Draw clustered volatility: the exponential of an autoregression, with mean square 1; (T,)."""
    alpha = 1 - math.exp(-bar_hours / _VOLATILITY_MEMORY_HOURS)
    innovation = rng.standard_normal(n_bars)
    innovation[1:] *= math.sqrt((2 - alpha) / alpha)  # stationary from the first bar on
    level = pl.Series(innovation).ewm_mean(alpha=alpha, adjust=False).to_numpy()
    return np.exp(_LOG_VOLATILITY * level - _LOG_VOLATILITY**2)


def shocks(rng: np.random.Generator, volatility: FloatArray, bar_hours: float) -> FloatArray:
    """Draw symmetric unpredictable returns with fat tails and jumps.

    Args:
        rng: A stream of their own.
        volatility: Standard deviation of each bar's return without jumps, shape (T,).
        bar_hours: Length of a bar in hours.

    Returns:
        Simple returns of mean zero given everything before them, shape (T,).
    """
    n_bars = len(volatility)
    usual_rng, time_rng, size_rng = rng.spawn(3)  # so that a longer history begins alike
    unit_variance = math.sqrt((_TAIL_DEGREES - 2) / _TAIL_DEGREES)
    usual = volatility * unit_variance * usual_rng.standard_t(_TAIL_DEGREES, n_bars)
    jumps = time_rng.random(n_bars) < _JUMPS_PER_HOUR * bar_hours
    sizes = _JUMP_SIZE * size_rng.standard_normal(n_bars)
    return np.clip(usual + jumps * sizes, -MAX_SHOCK, MAX_SHOCK)


def momentum_drift(
    shock: FloatArray, *, strength: float, hourly_volatility: float, bar_hours: float
) -> FloatArray:
    """Let a price follow its own trend: the drift is bounded and known one bar ahead.

    With x the sum of returns so far, `drift = strength * v * tanh((EMA12(x) - EMA26(x)) / (2 v))`
    an hour, where v is the hourly volatility and the averages count hours. A trend feeds itself
    until a run of shocks turns it, so it is favourable and unfavourable by turns and zero on
    average.

    Args:
        shock: Unpredictable part of the simple returns, shape (T,).
        strength: Largest drift an hour, in units of the hourly volatility.
        hourly_volatility: Standard deviation of an hour's return.
        bar_hours: Length of a bar in hours.

    Returns:
        Expected simple return of each bar, given the bars before it, shape (T,).
    """
    fast_decay = (1 - 2 / (_FAST_HOURS + 1)) ** bar_hours
    slow_decay = (1 - 2 / (_SLOW_HOURS + 1)) ** bar_hours
    largest = strength * hourly_volatility * bar_hours
    scale = 1 / (_SATURATION * hourly_volatility)
    level = fast = slow = 0.0
    drift = []
    for surprise in shock.tolist():  # each drift depends on the one before
        expected = largest * math.tanh(scale * (fast - slow))
        drift.append(expected)
        level += expected + surprise
        fast += (1 - fast_decay) * (level - fast)
        slow += (1 - slow_decay) * (level - slow)
    return np.array(drift)


def candles(
    rng: np.random.Generator, *, close: FloatArray, start_price: float, volatility: FloatArray
) -> dict[str, FloatArray]:
    """Draw what happened inside the bars, as a Brownian bridge from open to close.

    Args:
        rng: A stream of their own.
        close: Closes, shape (T,).
        start_price: The close before the first.
        volatility: Standard deviation of each bar's return, shape (T,).

    Returns:
        Arrays open, high, low and close of shape (T,); an open is the close before it, nearly.
    """
    n_bars = len(close)
    open_rng, *extreme_rngs = rng.spawn(3)
    before = np.concatenate([[start_price], close[:-1]])
    open_ = before * np.exp(0.05 * volatility * open_rng.standard_normal(n_bars))
    move = np.log(close / open_)
    uniform = np.stack([extreme_rng.random(n_bars) for extreme_rng in extreme_rngs])
    reach = -2 * volatility**2 * np.log(1 - uniform)  # of the bridge's extremes, (2, T)
    up, down = (np.sqrt(move**2 + reach) + np.stack([move, -move])) / 2
    return {
        "open": open_,
        "high": np.maximum(open_ * np.exp(up), np.maximum(open_, close)),
        "low": np.minimum(open_ * np.exp(-down), np.minimum(open_, close)),
        "close": close,
    }


def traded_value(
    rng: np.random.Generator, *, surprise: FloatArray, hourly_usd: float, bar_hours: float
) -> FloatArray:
    """Draw the value traded: more by day than by night, and more when prices move.

    Args:
        rng: A stream of their own.
        surprise: Each bar's return in units of its standard deviation, shape (T,).
        hourly_usd: Value traded in a usual hour.
        bar_hours: Length of a bar in hours; the first begins at midnight UTC.

    Returns:
        Positive values in USD, shape (T,).
    """
    n_bars = len(surprise)
    hour = bar_hours * np.arange(n_bars)
    by_day = 1 - 0.3 * np.cos(2 * np.pi * (hour - 3) / 24)
    by_move = 0.7 + 0.4 * np.minimum(np.abs(surprise), 10)
    return hourly_usd * bar_hours * by_day * by_move * np.exp(0.4 * rng.standard_normal(n_bars))


def outages(rng: np.random.Generator, n_bars: int, bar_hours: float) -> BoolArray:
    """Draw the bars that a venue lost: a few times a year, up to four hours; (T,)."""
    begins, lengths = (part.random(n_bars) for part in rng.spawn(2))
    lost = np.zeros(n_bars, dtype=np.bool_)
    for first in np.flatnonzero(begins < _OUTAGES_PER_HOUR * bar_hours).tolist():
        hours = 1 + int(4 * lengths[first])
        lost[first : first + math.ceil(hours / bar_hours)] = True
    lost[[0, -1]] = False
    return lost
