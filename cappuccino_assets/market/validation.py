"""The rules that bars must keep, each with its own error."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from cappuccino_assets.errors import (
    BarError,
    DuplicateBarError,
    InconsistentBarError,
    InvalidPriceError,
    InvalidVolumeError,
    MissingColumnError,
    MissingSymbolError,
    OffGridError,
    UnknownSymbolError,
    UnorderedBarsError,
)
from cappuccino_assets.market.intervals import Interval

PRICE_COLUMNS: Final = ("open", "high", "low", "close")
VALUE_COLUMNS: Final = (*PRICE_COLUMNS, "volume")
BAR_COLUMNS: Final = ("timestamp", "symbol", *VALUE_COLUMNS)

Rule = tuple[type[BarError], str, pl.Expr]  # the expression is true where the rule is broken


def check_columns(columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column of bars.

    Raises:
        MissingColumnError: Names the first column that is missing.
    """
    for column in BAR_COLUMNS:
        if column not in columns:
            raise MissingColumnError(f"The column {column!r} is missing.")


def check_symbols(frame: pl.DataFrame, symbols: Sequence[str]) -> None:
    """Refuse bars of symbols outside the universe, and a symbol without bars.

    Raises:
        UnknownSymbolError: Names the first bar of such a symbol.
        MissingSymbolError: Names the first symbol that is missing.
    """
    unknown = pl.col("symbol").is_in(list(symbols)).not_().fill_null(value=True)
    check_rows(frame, [(UnknownSymbolError, "The symbol is not one of the universe.", unknown)])
    found = set(frame["symbol"].unique())
    for symbol in symbols:
        if symbol not in found:
            raise MissingSymbolError("The symbol has no bar at all.", symbol=symbol)


def check_order(frame: pl.DataFrame) -> None:
    """Refuse timestamps that repeat or go backward within a symbol.

    Args:
        frame: Rows of one symbol follow each other.

    Raises:
        DuplicateBarError: Names the second of two bars of one time.
        UnorderedBarsError: Names the first bar that is older than the one before it.
    """
    before = pl.when(pl.col("symbol") == pl.col("symbol").shift(1)).then(
        pl.col("timestamp").shift(1)
    )
    backward = (pl.col("timestamp") <= before).fill_null(value=False)
    if not frame.select(backward.any()).item():
        return
    repeated = pl.struct("symbol", "timestamp").is_first_distinct().not_()
    check_rows(
        frame,
        [
            (DuplicateBarError, "There is more than one bar of this time.", repeated),
            (UnorderedBarsError, "The timestamp goes backward.", backward),
        ],
    )


def check_values(frame: pl.DataFrame, interval: Interval) -> None:
    """Refuse bars off the grid, and bars whose prices or volume cannot be.

    Raises:
        OffGridError: If a timestamp is missing or no multiple of the interval since the UTC epoch.
        InvalidPriceError: If a price is missing, not finite or not positive.
        InconsistentBarError: If a low is above, or a high below, the open or the close.
        InvalidVolumeError: If a volume is missing, not finite or negative.
    """
    check_rows(frame, _value_rules(interval))


def check_rows(frame: pl.DataFrame, rules: Sequence[Rule]) -> None:
    """Raise the error of the first rule that some row breaks, naming that row."""
    broken = frame.select(
        rule.fill_null(value=True).alias(str(i)) for i, (_, _, rule) in enumerate(rules)
    )
    for flags, (error, message, _) in zip(broken, rules, strict=True):
        if flags.any():
            row = frame.row(int(flags.arg_max() or 0), named=True)
            time = row["timestamp"]
            raise error(
                message,
                symbol=row["symbol"],
                open_time=None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}",
            )


def _value_rules(interval: Interval) -> list[Rule]:
    microseconds = pl.col("timestamp").cast(pl.Int64)
    off_grid = microseconds % (1_000_000 * interval.seconds) != 0
    rules: list[Rule] = [
        (OffGridError, f"The timestamp is not on the grid of {interval} bars in UTC.", off_grid)
    ]
    for name in PRICE_COLUMNS:
        price = pl.col(name)
        invalid = (price.is_finite() & (price > 0)).not_()
        rules.append((InvalidPriceError, f"The {name} must be finite and positive.", invalid))
    low, high = pl.col("low"), pl.col("high")
    above = low > pl.min_horizontal("open", "close")
    below = high < pl.max_horizontal("open", "close")
    volume = pl.col("volume")
    return [
        *rules,
        (InconsistentBarError, "The low must not be above the open or the close.", above),
        (InconsistentBarError, "The high must not be below the open or the close.", below),
        (
            InvalidVolumeError,
            "The volume must be finite and not negative.",
            (volume.is_finite() & (volume >= 0)).not_(),
        ),
    ]
