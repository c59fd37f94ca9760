"""Validated bars of a universe of symbols."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, cast

import polars as pl

from cappuccino_assets.errors import UnreadableBarsError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.validation import (
    VALUE_COLUMNS,
    check_columns,
    check_order,
    check_symbols,
    check_values,
)
from cappuccino_assets.storage.files import canonical_json

BAR_SCHEMA: Final[dict[str, pl.DataType]] = {
    "timestamp": pl.Datetime("us", "UTC"),
    "symbol": pl.String(),
    **{name: pl.Float64() for name in VALUE_COLUMNS},
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Closed bars that keep every rule; a bar that is not there is a gap.

    Attributes:
        frame: Columns timestamp (open time, UTC), symbol, open, high, low, close (USD) and volume
            (base coin); one row per bar, by symbol in the universe's order, then by time.
        interval: Length of a bar.
        symbols: The universe, in its order.
    """

    frame: pl.DataFrame
    interval: Interval
    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse bars that break a rule.

        Raises:
            BarError: Of the class of the rule; it names symbol and time where there is one.
            ValueError: If the columns' types, or the order of the symbols, are not canonical.
        """
        if len(set(self.symbols)) != len(self.symbols) or not self.symbols:
            raise ValueError(f"Symbols must be distinct and some, but got {self.symbols}.")
        check_columns(self.frame.columns)
        if dict(self.frame.schema) != BAR_SCHEMA:
            raise ValueError(f"Bars have the schema {BAR_SCHEMA}, but got {self.frame.schema}.")
        check_symbols(self.frame, self.symbols)
        if self.frame["symbol"].rle().struct.field("value").to_list() != list(self.symbols):
            raise ValueError("Rows must be in the order of the symbols.")
        check_values(self.frame, self.interval)
        check_order(self.frame)

    @classmethod
    def from_frame(
        cls, frame: pl.DataFrame, *, interval: Interval, symbols: tuple[str, ...]
    ) -> Self:
        """Make bars of a tidy table: types are cast, symbols arranged, other columns dropped.

        Args:
            frame: One row per bar; each symbol's rows in the order of time.
            interval: Length of a bar.
            symbols: The universe, in its order.

        Raises:
            BarError: As at construction; nothing is repaired.
        """
        check_columns(frame.columns)
        canonical = canonical_frame(frame)
        check_symbols(canonical, symbols)
        arranged = pl.concat([canonical.filter(symbol=symbol) for symbol in symbols])
        return cls(frame=arranged, interval=interval, symbols=symbols)

    @property
    def n_bars(self) -> int:
        """Number of rows, over all symbols."""
        return self.frame.height

    @property
    def start(self) -> datetime:
        """Open time of the first bar."""
        return cast("datetime", self.frame["timestamp"].min())

    @property
    def end(self) -> datetime:
        """Open time of the last bar."""
        return cast("datetime", self.frame["timestamp"].max())

    @property
    def digest(self) -> str:
        """SHA-256 over interval, universe and every value of every bar; 64 hexadecimal digits."""
        counts = dict(self.frame.group_by("symbol").len().iter_rows())
        header = {
            "interval": self.interval,
            "symbols": [[symbol, counts[symbol]] for symbol in self.symbols],
        }
        digest = hashlib.sha256(canonical_json(header).encode())
        digest.update(self.frame["timestamp"].cast(pl.Int64).to_numpy().astype("<i8").tobytes())
        for name in VALUE_COLUMNS:
            values = self.frame[name].to_numpy() + 0.0  # one zero, not two
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()


def canonical_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep the columns of bars, in order, with their types.

    Args:
        frame: A table with at least the columns of bars; times without a zone are UTC.

    Raises:
        UnreadableBarsError: Names the column whose values are not of its kind.
    """
    columns = [_column(frame[name]) for name in BAR_SCHEMA]
    return pl.DataFrame(columns, schema=BAR_SCHEMA)


def _column(values: pl.Series) -> pl.Series:
    try:
        plain = _timestamp(values) if values.name == "timestamp" else values
        return plain.cast(BAR_SCHEMA[values.name])
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableBarsError(
            f"The column {values.name!r} holds something else than it should: {reason}"
        ) from error


def _timestamp(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        values = values.str.to_datetime(time_unit="us", time_zone="UTC")
    if not isinstance(values.dtype, pl.Datetime):
        raise UnreadableBarsError(
            f"The column 'timestamp' must hold dates with times, but holds {values.dtype}."
        )
    zoned = values.dt.replace_time_zone("UTC") if values.dtype.time_zone is None else values
    return zoned.dt.convert_time_zone("UTC")
