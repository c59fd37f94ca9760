"""When to strike: at any time, or right when something has changed.

The second kind is for the short windows between two things that belong together: a trial's row and
its values, a folder and what is told of it, the ledger's line and its copy.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.survival.standing import trial_folders
from cappuccino_assets.storage.layout import WarehouseLayout

POLL_S = 0.0005


class Moment(StrEnum):
    """What has just happened when a process is struck."""

    ANY = "any time"
    START = "the run was started"
    ASKED = "a trial was asked"
    SUGGESTED = "a value was drawn"
    MARKED = "a trial was claimed, or its result kept"
    STATE = "a trial's state was changed"
    TOLD = "a trial was told"
    FOLDER = "a trial's folder was begun or finished"
    CHECKPOINT = "a checkpoint was written"
    LEDGER = "the ledger got lines"
    DATABASE = "the warehouse's database was written"
    PUBLISHED = "the database was copied for readers"


SEARCHING = tuple(Moment)[2:9]
COLLECTING = tuple(Moment)[9:]

_SQL = {
    Moment.ASKED: "SELECT count(*) FROM trials",
    Moment.SUGGESTED: "SELECT count(*) FROM trial_params",
    Moment.MARKED: "SELECT group_concat(value_json) FROM trial_user_attributes",
    Moment.STATE: "SELECT group_concat(state) FROM trials",
    Moment.TOLD: "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')",
}


def fingerprint(moment: Moment, layout: WarehouseLayout) -> Callable[[], Any]:
    """What differs after the moment from what it was before."""
    if moment in _SQL:
        return lambda: _asked(layout.studies, _SQL[moment])
    return {
        Moment.FOLDER: lambda: trial_folders(layout),
        Moment.CHECKPOINT: lambda: _names(layout.root / "checkpoints"),
        Moment.LEDGER: lambda: _size(layout.ledger),
        Moment.DATABASE: lambda: _stamps(layout.writer_database.parent),
        Moment.PUBLISHED: lambda: sorted(p.name for p in layout.root.glob("*cappuccino.duckdb*")),
    }[moment]


def await_change(look: Callable[[], Any], *, timeout_s: float, is_over: Callable[[], bool]) -> bool:
    """Wait until what is looked at differs from what it is now; False if it never did."""
    before, deadline = look(), time.monotonic() + timeout_s
    while time.monotonic() < deadline and not is_over():
        if look() != before:
            return True
        time.sleep(POLL_S)
    return False


def _asked(database: Path, sql: str) -> Any:
    if not database.is_file():
        return None
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        try:
            return connection.execute(sql).fetchone()
        except sqlite3.OperationalError:  # no tables yet, or no room to read
            return None


def _names(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _stamps(folder: Path) -> list[tuple[str, int | None]]:
    return sorted((path.name, _size(path)) for path in folder.glob("*"))
