"""The eleven indicators of one symbol, or of the basket, in one segment."""

from typing import Final

import polars as pl

INDICATOR_NAMES: Final = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "macd",
    "macd_signal",
    "macd_hist",
    "rsi",
    "cci",
    "dx",
)
INDICATOR_VERSIONS: Final = (
    "log_price_to_previous_close/1",
    "log_volume_to_mean_20/1",
    "macd_12_26_9_to_close/1",
    "rsi_14/1",
    "cci_14/1",
    "dx_14/1",
    "equal_weight_basket/1",
)
RECURSIVE_MEMORY_BARS: Final = 250  # in any average here, what is older weighs less than 1e-7
VOLUME_MEAN_BARS: Final = 20

_FAST: Final = 12
_SLOW: Final = 26
_SIGNAL: Final = 9
_PERIOD: Final = 14  # of RSI, CCI and DX
_FLAT: Final = 1e-12  # a mean deviation, relative to the price, that is rounding only


def indicators(bars: pl.DataFrame) -> pl.DataFrame:
    """Compute the indicators, scale-free.

    Args:
        bars: Observed bars of one symbol in one segment, oldest first: open, high, low, close and
            volume, all positive.

    Returns:
        One row a bar and the columns of `INDICATOR_NAMES`: log ratios of the prices to the previous
        close, log ratio of the volume to its mean over 20 bars, MACD 12-26-9 divided by the close,
        (RSI - 50) / 50, CCI / 100, DX / 100. Null until an indicator has its first value.
    """
    close = bars["close"]
    previous_close = close.shift(1)
    line, signal = macd(close)
    prices = {name: (bars[name] / previous_close).log() for name in INDICATOR_NAMES[:4]}
    return pl.DataFrame(
        prices
        | {
            "volume": relative_volume(bars["volume"]).log(),
            "macd": line / close,
            "macd_signal": signal / close,
            "macd_hist": (line - signal) / close,
            "rsi": (rsi(close) - 50) / 50,
            "cci": cci(bars) / 100,
            "dx": dx(bars) / 100,
        }
    )


def relative_volume(volume: pl.Series) -> pl.Series:
    """Divide the volume by its mean over the last 20 bars, this one included."""
    return volume / volume.rolling_mean(VOLUME_MEAN_BARS)


def macd(close: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Moving average convergence and divergence 12-26-9, in units of price.

    Both averages start from a simple mean at the slow one's first full window, as TA-Lib's do.

    Args:
        close: Closes, oldest first.

    Returns:
        The line and the signal.
    """
    start = _SLOW - 1
    line = _exponential_mean(close, _FAST, start) - _exponential_mean(close, _SLOW, start)
    return line, _exponential_mean(line, _SIGNAL, start + _SIGNAL - 1)


def rsi(close: pl.Series) -> pl.Series:
    """Relative strength index over 14 bars, in [0, 100].

    References:
        Wilder, "New Concepts in Technical Trading Systems" (1978), with TA-Lib's 0 for a price that
        has never moved.
    """
    change = close.diff()
    gain = _wilder_mean(change.clip(lower_bound=0), _PERIOD)
    loss = _wilder_mean((-change).clip(lower_bound=0), _PERIOD)
    return 100 * (gain / (gain + loss)).fill_nan(0.0)


def cci(bars: pl.DataFrame) -> pl.Series:
    """Commodity channel index over 14 bars; 0 where the price does not move.

    References:
        Lambert, "Commodity Channel Index" (1980).
    """
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    mean = typical.rolling_mean(_PERIOD)
    deviation = sum(((typical.shift(lag) - mean).abs() for lag in range(_PERIOD)), 0 * mean)
    moves = deviation > _FLAT * mean
    return ((typical - mean) / (0.015 / _PERIOD * deviation)).zip_with(moves, 0 * mean)


def dx(bars: pl.DataFrame) -> pl.Series:
    """Directional movement index over 14 bars, in [0, 100].

    The true range divides both directional movements and cancels.

    References:
        Wilder (1978), as above; sums start from 13 bars, as TA-Lib's do.
    """
    up, down = bars["high"].diff(), -bars["low"].diff()
    plus = _wilder_mean(up.clip(lower_bound=0) * (up > down), _PERIOD - 1)
    minus = _wilder_mean(down.clip(lower_bound=0) * (down > up), _PERIOD - 1)
    return 100 * ((plus - minus).abs() / (plus + minus)).fill_nan(0.0)


def _wilder_mean(change: pl.Series, n_first: int) -> pl.Series:
    """Mean with weight 1/14, started from the sum of the first changes; row 0 has none."""
    seed = change[1 : n_first + 1].to_numpy().sum() / _PERIOD
    return _seeded_mean(change, seed, at=n_first, alpha=1 / _PERIOD)


def _exponential_mean(values: pl.Series, span: int, at: int) -> pl.Series:
    seed = values[at - span + 1 : at + 1].to_numpy().sum() / span
    return _seeded_mean(values, seed, at=at, alpha=2 / (span + 1))


def _seeded_mean(values: pl.Series, seed: float, *, at: int, alpha: float) -> pl.Series:
    started = pl.concat([pl.Series([None] * at + [seed], dtype=pl.Float64), values[at + 1 :]])
    return started.head(len(values)).ewm_mean(alpha=alpha, adjust=False)
