"""Small tidy tables of bars, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval

START = datetime(2024, 1, 1, tzinfo=UTC)
PAIR = ("BTC/USD", "ETH/USD")
REAL_BARS = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def table(
    closes: Sequence[float] = (10.0, 11.0, 12.0),
    *,
    symbols: Sequence[str] = PAIR,
    interval: Interval = Interval.H1,
    start: datetime = START,
) -> pl.DataFrame:
    """Bars that open at the close before them and reach one beyond both, with volume 1."""
    rows = [
        {
            "timestamp": start + i * timedelta(seconds=interval.seconds),
            "symbol": symbol,
            "open": float(closes[max(i - 1, 0)]),
            "high": max(closes[max(i - 1, 0)], close) + 1.0,
            "low": min(closes[max(i - 1, 0)], close) - 1.0,
            "close": float(close),
            "volume": 1.0,
        }
        for symbol in symbols
        for i, close in enumerate(closes)
    ]
    return pl.DataFrame(rows, schema_overrides={"timestamp": pl.Datetime("us", "UTC")})


def bars_of(frame: pl.DataFrame, interval: Interval = Interval.H1) -> Bars:
    """Validate a table of the pair."""
    return Bars.from_frame(frame, interval=interval, symbols=PAIR)


def with_value(frame: pl.DataFrame, row: int, column: str, value: object) -> pl.DataFrame:
    """Change one value."""
    values = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))
