"""The one place that opens DuckDB: one writer at a time, and a published copy for readers."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.arrow import ArrowStream
from cappuccino_assets.storage.files import (
    canonical_json,
    copy_file,
    put_in_place,
    remove_unfinished,
)
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import LOCK_TIMEOUT_S, exclusive
from cappuccino_assets.types import Json


class Warehouse:
    """Tables of campaigns, trials and archive entries.

    A DuckDB file admits one process that writes or many that read. So there are two: a private one,
    written under a kernel lock, and the copy published after each transaction, which readers open.

    Args:
        layout: Where the files lie.
        lock_timeout_s: How long to wait for another writer.
    """

    def __init__(self, layout: WarehouseLayout, *, lock_timeout_s: float = LOCK_TIMEOUT_S):
        self.layout = layout
        self._lock_timeout_s = lock_timeout_s

    @contextmanager
    def writer(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open one short transaction; when the body ends well it is committed and published.

        Yields:
            A connection inside a transaction, with all tables in place.

        Raises:
            WarehouseError: If another writer holds the lock for too long, or DuckDB refuses.
        """
        path = self.layout.writer_database
        with exclusive(self.layout.writer_lock, timeout_s=self._lock_timeout_s):
            remove_unfinished(self.layout.database)
            remove_unfinished(path)
            if not path.exists():
                self._make_writer_database()
            with _opened(path, read_only=False) as connection:
                connection.execute(_statement("schema"))
                connection.begin()
                yield connection
                connection.commit()
                connection.execute("CHECKPOINT")  # closing does it too, but fails without a word
            copy_file(path, self.layout.database)

    def _make_writer_database(self) -> None:
        """Begin with what is published, if anything is; whole, as DuckDB cannot mend a new file."""
        path = self.layout.writer_database
        if self.layout.database.is_file():  # a warehouse that was copied without dot folders
            copy_file(self.layout.database, path)
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with _opened(temporary, read_only=False):
            pass
        put_in_place(temporary, path)

    def query(self, query: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Read from the published file.

        Args:
            query: Name of a file in `storage/sql`, or SQL.
            params: Values bound to `$name` in it.

        Raises:
            WarehouseError: If nothing was published yet, or DuckDB refuses.
        """
        path = self.layout.database
        if not path.is_file():
            raise WarehouseError(f"There is no database at {path}: nothing was published yet.")
        sql = _statement(query) if query.isidentifier() else query
        with _opened(path, read_only=True) as connection:
            return pl.DataFrame(ArrowStream(connection.sql(sql, params=dict(params or {}))))

    def merge(self, tables: Mapping[str, Sequence[Json]]) -> None:
        """Insert rows, or update those with the same key, in one transaction.

        Args:
            tables: Rows by table. A column that one of them lacks is null there; a column that all
                lack keeps what is stored.

        Raises:
            WarehouseError: If a row has a column that its table lacks, or breaks a constraint; then
                nothing is written.
        """
        with self.writer() as connection:
            for table, rows in tables.items():
                _merge(connection, table, rows)

    def ingest(
        self,
        trials: Sequence[Json],
        params: Sequence[Json],
        splits: Sequence[Json],
        *,
        ledger_lines: Sequence[Json] = (),
    ) -> None:
        """Merge trials with their parameters and splits; doing it twice changes nothing.

        Args:
            trials: Rows of that table.
            params: Rows of `trial_params`.
            splits: Rows of `trial_splits`.
            ledger_lines: Lines that the trial ledger has got, none of which is here yet.
        """
        tables = {"trials": trials, "trial_params": params, "trial_splits": splits}
        self.merge(tables | {"ledger_lines": ledger_lines})

    def activate_campaign(self, definition: Json) -> None:
        """Make a campaign the active one, the only one.

        Args:
            definition: The campaign as JSON, with name, profile, seed, source and started_at.
        """
        row = {name: definition[name] for name in ("profile", "seed", "source")} | {
            "campaign": definition["name"],
            "started_at": datetime.fromisoformat(definition["started_at"]),
            "definition": canonical_json(definition),
            "active": True,
        }
        with self.writer() as connection:
            connection.execute("UPDATE campaigns SET active = false WHERE active")
            _merge(connection, "campaigns", [row])

    def complete_campaign(self, name: str, completed_at: datetime) -> None:
        """Record that nothing of a campaign is left to do."""
        self.merge({"campaigns": [{"campaign": name, "completed_at": completed_at}]})

    def campaign(self, name: str) -> Json | None:
        """Read a campaign by name, its definition as JSON; None where there is none."""
        return self._campaign("named_campaign", {"name": name})

    def active_campaign(self) -> Json | None:
        """Read the active campaign, its definition as JSON; None where there is none yet."""
        return self._campaign("active_campaign", {})

    def _campaign(self, query: str, params: Json) -> Json | None:
        if not self.layout.database.is_file():
            return None
        rows = self.query(query, params).to_dicts()
        return rows[0] | {"definition": json.loads(rows[0]["definition"])} if rows else None


def _merge(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Json]) -> None:
    if not rows:
        return
    empty = pl.DataFrame(ArrowStream(connection.table(table).limit(0)))
    given = {column for row in rows for column in row}
    if unknown := sorted(given - set(empty.columns)):
        raise WarehouseError(f"The table {table!r} has no column {unknown[0]!r}.")
    schema = {column: kind for column, kind in empty.schema.items() if column in given}
    connection.register("incoming", ArrowStream(pl.DataFrame(rows, schema=schema)))
    connection.execute(_statement(f"merge_{table}"))
    connection.unregister("incoming")


@contextmanager
def _opened(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with closing(duckdb.connect(path, read_only=read_only)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.Error as error:
        raise WarehouseError(f"{path}: {error}") from error


@cache
def _statement(name: str) -> str:
    return files("cappuccino_assets.storage").joinpath("sql", f"{name}.sql").read_text()
