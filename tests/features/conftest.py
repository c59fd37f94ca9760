"""Random bars, with and without gaps."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import BarGrid, grid_from_bars
from cappuccino_assets.market.intervals import Interval

SYMBOLS = ("AAVE/USD", "BTC/USD", "ETH/USD")
START = datetime(2023, 1, 1, tzinfo=UTC)
REAL_BARS = Path(__file__).parents[3] / "shared" / "data"


def random_bars(
    n_bars: int, *, symbols: Sequence[str] = SYMBOLS, interval: Interval = Interval.H4
) -> Bars:
    """Bars without a gap; a symbol's own bars depend on its name only."""
    frames = [_random_symbol(symbol, n_bars, interval) for symbol in symbols]
    return Bars.from_frame(pl.concat(frames), interval=interval, symbols=tuple(symbols))


def without(bars: Bars, symbol: str, rows: Sequence[int]) -> Bars:
    """Take one symbol's bars out, by their row on the grid."""
    times = [START + timedelta(seconds=row * bars.interval.seconds) for row in rows]
    gone = (pl.col("symbol") == symbol) & pl.col("timestamp").is_in(times)
    return Bars(frame=bars.frame.filter(~gone), interval=bars.interval, symbols=bars.symbols)


def until(bars: Bars, n_bars: int) -> Bars:
    """The first bars of the history, as if the rest had not happened yet."""
    end = START + timedelta(seconds=n_bars * bars.interval.seconds)
    frame = bars.frame.filter(pl.col("timestamp") < end)
    return Bars(frame=frame, interval=bars.interval, symbols=bars.symbols)


def _random_symbol(symbol: str, n_bars: int, interval: Interval) -> pl.DataFrame:
    random = np.random.default_rng(sum(symbol.encode()))
    noise = random.normal(scale=0.01, size=(4, n_bars))
    close = 100 * np.exp(noise[0].cumsum())
    open_ = np.concatenate(([100.0], close[:-1])) * np.exp(0.1 * noise[1])
    return pl.DataFrame(
        {
            "timestamp": [START + timedelta(seconds=i * interval.seconds) for i in range(n_bars)],
            "symbol": [symbol] * n_bars,
            "open": open_,
            "high": np.maximum(open_, close) * np.exp(abs(noise[2])),
            "low": np.minimum(open_, close) * np.exp(-abs(noise[3])),
            "close": close,
            "volume": np.exp(random.normal(size=n_bars)),
        }
    )


@pytest.fixture(scope="session")
def plain_bars() -> Bars:
    return random_bars(600)


@pytest.fixture(scope="session")
def gappy_bars() -> Bars:
    """Single bars missing, per coin and for all at once, and one gap that ends a segment."""
    bars = random_bars(900)
    for symbol, rows in {
        "AAVE/USD": [3, 60, 300, 420, 700, 895],
        "BTC/USD": [60, 301, 350, 351, 352, 353, 710],
        "ETH/USD": [60, 262, 360, 700],
    }.items():
        bars = without(bars, symbol, rows)
    return bars


@pytest.fixture(scope="session")
def plain_grid(plain_bars: Bars) -> BarGrid:
    return grid_from_bars(plain_bars)


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    return random_bars


@pytest.fixture(scope="session")
def cut_bars() -> Callable[[Bars, int], Bars]:
    return until


@pytest.fixture(scope="session")
def real_bars() -> Callable[[str, Interval], Bars]:
    def read(name: str, interval: Interval) -> Bars:
        path = REAL_BARS / name
        if not path.exists():
            pytest.skip(f"There are no real bars at {path}.")
        symbols = tuple(sorted(pl.scan_parquet(path).select("symbol").unique().collect()["symbol"]))
        return Bars.from_frame(pl.read_parquet(path), interval=interval, symbols=symbols)

    return read
