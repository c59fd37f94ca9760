"""Features of twelve months of 5-minute bars: ours, and the usual pandas with TA-Lib."""

import time
from functools import lru_cache

import pandas as pd
import talib

from bench.timing import Times, in_turn
from cappuccino_assets.features.arrays import build_feature_arrays
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource

OURS, COMPACT, PANDAS = "every coin's indicators", "the basket's only", "pandas + TA-Lib"


def feature_times(*, n_days: int, n_rounds: int) -> dict[str, Times]:
    bars = _bars(n_days)
    grid = grid_from_bars(bars)
    frame = pd.DataFrame({name: bars.frame[name].to_numpy() for name in bars.frame.columns})
    work = {
        OURS: lambda: build_feature_arrays(grid, layout=Layout.PER_COIN),
        COMPACT: lambda: build_feature_arrays(grid, layout=Layout.COMPACT),
        PANDAS: lambda: _pandas_features(frame),
    }
    for warm in work.values():
        warm()
    return in_turn(
        {name: lambda each=each: each for name, each in work.items()},
        n_rounds=n_rounds,
        clock=time.perf_counter,  # polars has threads of its own
    )


@lru_cache(maxsize=1)
def _bars(n_days: int) -> Bars:
    return SimulatedSource(regime=Regime.NULL, interval=Interval.M5, n_days=n_days).fetch_bars()


def _pandas_features(frame: pd.DataFrame) -> pd.DataFrame:
    """The same indicators symbol by symbol, joined, and turned into one row per bar."""
    parts = []
    for symbol, bars in frame.groupby("symbol"):
        close = bars["close"]
        macd, signal, histogram = talib.MACD(close, 12, 26, 9)
        part = pd.DataFrame(
            {
                "timestamp": bars["timestamp"],
                "symbol": symbol,
                **{
                    name: bars[name] / close.shift(1) - 1
                    for name in ("open", "high", "low", "close")
                },
                "volume": bars["volume"] / bars["volume"].rolling(20).mean(),
                "macd": macd / close,
                "macd_signal": signal / close,
                "macd_hist": histogram / close,
                "rsi": talib.RSI(close, 14),
                "cci": talib.CCI(bars["high"], bars["low"], close, 14),
                "dx": talib.DX(bars["high"], bars["low"], close, 14),
            }
        )
        parts.append(part)
    joined = pd.concat(parts).sort_values(["timestamp", "symbol"])
    return joined.pivot(index="timestamp", columns="symbol").dropna()
