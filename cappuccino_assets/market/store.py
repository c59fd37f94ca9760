"""Stored bars, whole and verified, and the log of their revisions."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.market.bars import BAR_SCHEMA, Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.validation import VALUE_COLUMNS
from cappuccino_assets.storage.files import (
    canonical_json,
    write_bytes,
    write_json,
    write_parquet,
)
from cappuccino_assets.types import Json

REVISION_SCHEMA: Final = pl.Schema(
    {
        "interval": pl.String(),
        "timestamp": BAR_SCHEMA["timestamp"],
        "symbol": pl.String(),
        "column": pl.String(),
        "stored": pl.Float64(),
        "fetched": pl.Float64(),
        "kind": pl.String(),
        "digest": pl.String(),
    }
)
_METADATA_KEY: Final = "cappuccino"
_KEY: Final = ("symbol", "timestamp")
_KIND: Final = (
    pl.when(pl.col("stored").is_null())
    .then(pl.lit("late"))
    .when(pl.col("fetched").is_null())
    .then(pl.lit("removed"))
    .otherwise(pl.lit("changed"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStore:
    """One Parquet file of bars per interval; each carries its own digest, so it is whole or absent.

    The JSON file beside it repeats the description for people.

    Attributes:
        folder: Where the files lie.
    """

    folder: Path

    def write(self, bars: Bars, *, source: str) -> pl.DataFrame:
        """Replace the bars of one interval, and log what differs from those stored before.

        Args:
            bars: The whole history.
            source: Name of the market. Bars of another market are replaced without comparison.

        Returns:
            The revisions, one row per changed value: interval, timestamp, symbol, column, stored,
            fetched, kind and the new digest. The kind is `changed`; `late` where a bar appeared
            before the end of those stored; `removed` where one is gone.

        Raises:
            IntegrityError: If the stored bars are damaged; then nothing changes.
        """
        description = _description(bars, source)
        revisions = self._revisions(bars, description)
        data = io.BytesIO()
        bars.frame.write_parquet(data, metadata={_METADATA_KEY: canonical_json(description)})
        if not revisions.is_empty():
            log = pl.concat([self.revisions(), revisions]).unique(maintain_order=True)
            write_parquet(self._log_path, log)
        write_bytes(self.path(bars.interval), data.getvalue())
        write_json(self.path(bars.interval).with_suffix(".json"), description)
        return revisions

    def read(self, interval: Interval, symbols: tuple[str, ...]) -> Bars:
        """Read the bars of one interval and verify them.

        Raises:
            WarehouseError: If none are stored.
            IntegrityError: If they are damaged, or of other symbols.
        """
        description = self.description(interval)
        if description["symbols"] != list(symbols):
            raise IntegrityError(
                f"{self.path(interval)} holds {description['symbols']}, not {list(symbols)}."
            )
        return self._verified(interval, description)

    def description(self, interval: Interval) -> Json:
        """Read what is stored: source, interval, symbols, digest, n_bars, start and end.

        Raises:
            WarehouseError: If nothing is stored.
            IntegrityError: If the file is damaged.
        """
        path = self.path(interval)
        if not path.is_file():
            raise WarehouseError(f"No bars of {interval} are stored: there is no {path}.")
        try:
            description: Json = json.loads(pl.read_parquet_metadata(path)[_METADATA_KEY])
        except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
            raise IntegrityError(f"{path} is no file of stored bars.") from error
        return description

    def revisions(self) -> pl.DataFrame:
        """Read every revision ever found; no rows where there was none."""
        if not self._log_path.is_file():
            return pl.DataFrame(schema=REVISION_SCHEMA)
        return pl.read_parquet(self._log_path)

    def path(self, interval: Interval) -> Path:
        """File of the bars of one interval."""
        return self.folder / f"{interval}.parquet"

    @property
    def _log_path(self) -> Path:
        return self.folder / "revisions.parquet"

    def _verified(self, interval: Interval, description: Json) -> Bars:
        path = self.path(interval)
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise IntegrityError(f"{path} is damaged.") from error
        bars = Bars(frame=frame, interval=interval, symbols=tuple(description["symbols"]))
        if bars.digest != description["digest"]:
            raise IntegrityError(f"{path} does not have the digest {description['digest']}.")
        return bars

    def _revisions(self, bars: Bars, description: Json) -> pl.DataFrame:
        if not self.path(bars.interval).is_file():
            return pl.DataFrame(schema=REVISION_SCHEMA)
        stored = self.description(bars.interval)
        if stored["source"] != description["source"] or stored["digest"] == description["digest"]:
            return pl.DataFrame(schema=REVISION_SCHEMA)
        return find_revisions(self._verified(bars.interval, stored), bars)


def find_revisions(stored: Bars, fetched: Bars) -> pl.DataFrame:
    """Compare two histories of one market where their times and symbols overlap.

    Returns:
        One row per value that differs, with the columns of `REVISION_SCHEMA`.
    """
    pairs = _pairs(stored, fetched)
    changes = [_changes(pairs, name) for name in VALUE_COLUMNS]
    return (
        pl.concat(changes)
        .with_columns(
            kind=_KIND, interval=pl.lit(fetched.interval.value), digest=pl.lit(fetched.digest)
        )
        .sort("timestamp", "symbol", maintain_order=True)
        .select(REVISION_SCHEMA.names())
    )


def _pairs(stored: Bars, fetched: Bars) -> pl.DataFrame:
    start, end = max(stored.start, fetched.start), min(stored.end, fetched.end)
    symbols = [symbol for symbol in stored.symbols if symbol in fetched.symbols]
    shared = pl.col("timestamp").is_between(start, end) & pl.col("symbol").is_in(symbols)
    return stored.frame.filter(shared).join(
        fetched.frame.filter(shared), on=_KEY, how="full", coalesce=True, suffix="_fetched"
    )


def _changes(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    stored, fetched = pl.col(name), pl.col(f"{name}_fetched")
    return pairs.filter(stored.ne_missing(fetched)).select(
        *_KEY,
        column=pl.lit(name),
        stored=stored,
        fetched=fetched,
    )


def _description(bars: Bars, source: str) -> Json:
    return {
        "source": source,
        "interval": bars.interval.value,
        "symbols": list(bars.symbols),
        "digest": bars.digest,
        "n_bars": bars.n_bars,
        "start": bars.start.isoformat(),
        "end": bars.end.isoformat(),
    }
