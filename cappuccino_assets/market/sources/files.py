"""Bars in Parquet and CSV files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from cappuccino_assets.errors import UnreadableBarsError
from cappuccino_assets.market.bars import Bars, canonical_frame
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.sources.completeness import require_complete
from cappuccino_assets.market.validation import check_columns, check_symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A tidy table, one row per bar and symbol, in the order of time within each symbol.

    Columns are timestamp (open time; UTC where no zone is given), symbol, open, high, low, close
    and volume; others are ignored. The interval is read off the timestamps.

    Attributes:
        path: A `.parquet` or `.csv` file.
        symbols: The universe, in its order; the file holds these symbols and no other.
    """

    path: Path
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS

    @property
    def name(self) -> str:
        """What tells this market from another."""
        return f"file {self.path.name}"

    def fetch_bars(self) -> Bars:
        """Read and check the whole file.

        Raises:
            BarError: If the file is no table of bars, or a bar breaks a rule; nothing is repaired.
            IncompleteHistoryError: If some symbol ends early.
        """
        table = read_table(self.path)
        check_columns(table.columns)
        frame = canonical_frame(table)
        check_symbols(frame, self.symbols)
        bars = Bars.from_frame(frame, interval=detect_interval(frame), symbols=self.symbols)
        return require_complete(bars, until=bars.end)


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet or CSV file; CSV columns come as text.

    Raises:
        UnreadableBarsError: If there is no such file, or it is cut off or something else.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableBarsError(f"{path} must be a .parquet or a .csv file.")
    if not path.is_file():
        raise UnreadableBarsError(f"There is no file {path}.")
    try:
        return reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableBarsError(f"{path} is cut off, or is no table: {reason}") from error


def detect_interval(frame: pl.DataFrame) -> Interval:
    """Find the interval as the commonest step of time within the symbols.

    Args:
        frame: Columns symbol and timestamp.

    Raises:
        UnreadableBarsError: If that step is none of the intervals.
    """
    steps = frame.select(pl.col("timestamp").diff().over("symbol").dt.total_seconds()).to_series()
    commonest = steps.drop_nulls().mode().sort()
    for interval in Interval:
        if interval.seconds in commonest:
            return interval
    found = f"{commonest[0]} s" if len(commonest) else "none, for no symbol has two bars"
    raise UnreadableBarsError(
        f"The step from bar to bar must be one of {', '.join(Interval)}, but it is {found}."
    )


def _read_csv(path: Path) -> pl.DataFrame:
    with path.open("rb") as file:
        file.seek(-min(1, path.stat().st_size), 2)
        if file.read() != b"\n":
            raise UnreadableBarsError(f"{path} is cut off: its last line does not end.")
    return pl.read_csv(path, infer_schema=False)


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


_READERS: Final[dict[str, Callable[[Path], pl.DataFrame]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
