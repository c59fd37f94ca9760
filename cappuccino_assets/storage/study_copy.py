"""A copy of the running studies for whoever wants to look at them."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.files import put_in_place

_BUSY_TIMEOUT_S: Final = 60
_COMPANIONS: Final = ("-wal", "-shm", "-journal")


def copy_studies(source: Path, target: Path, *, force: bool = False) -> None:
    """Copy a SQLite database as it is at one moment, while others read and write it.

    SQLite's backup reads in one transaction, so nobody waits for it. The copy is one file, and
    appears whole or not at all.

    Args:
        source: The database; it is opened read-only.
        target: Where the copy goes.
        force: Whether a file that is there is replaced.

    Raises:
        WarehouseError: If there is no database, if something is in the way, or if SQLite refuses.
    """
    if not source.is_file():
        raise WarehouseError(f"There is no {source}: no study was begun here.")
    _require_free(source, target, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    os.close(descriptor)
    temporary = Path(name)
    try:
        _back_up(source, temporary)
        temporary.chmod(0o644)
        put_in_place(temporary, target)
    except sqlite3.Error as error:
        raise WarehouseError(f"{source} could not be copied: {error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _require_free(source: Path, target: Path, *, force: bool) -> None:
    if target.exists() and target.samefile(source):
        raise WarehouseError(f"{target} is the database of the studies itself.")
    if target.exists() and not force:
        raise WarehouseError(f"{target} exists: name another file, or replace it with --force.")
    for suffix in _COMPANIONS:
        beside = target.with_name(target.name + suffix)
        if beside.exists():  # SQLite would apply it to the new file
            raise WarehouseError(f"{beside} says that {target} is in use: close it first.")


def _back_up(source: Path, target: Path) -> None:
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)) as running,
        closing(sqlite3.connect(target)) as copy,
    ):
        running.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
