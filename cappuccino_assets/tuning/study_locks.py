"""The lock under which a study's trials change hands, on one machine or on several."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import LOCK_TIMEOUT_S, exclusive
from cappuccino_assets.storage.study_database import postgres_connection

_LOCK_NOT_AVAILABLE: Final = "55P03"  # what PostgreSQL answers when lock_timeout is over
_TIMEOUT: Final = text("SELECT set_config('lock_timeout', :ms, false)")
_TAKE: Final = text("SELECT pg_advisory_lock(:key)")
_GIVE_BACK: Final = text("SELECT pg_advisory_unlock(:key)")


@contextmanager
def study_lock(
    layout: WarehouseLayout, study_name: str, *, timeout_s: float = LOCK_TIMEOUT_S
) -> Iterator[None]:
    """Keep every other process out of a study while the body runs.

    Whoever dies lets go: the kernel sees to it where the studies are a file, the end of the
    connection where they are on a server, and a server notices within a minute that a host is gone.
    The body shall last for moments. To take the lock twice waits for oneself.

    Args:
        layout: Where the studies are.
        study_name: The study.
        timeout_s: How long to wait for another holder.

    Raises:
        WarehouseError: If another holder keeps it for longer.
        sqlalchemy.exc.OperationalError: If the server does not answer, or the connection that held
            the lock was lost before the body had ended.
    """
    if layout.studies_url is None:
        with exclusive(layout.study_lock(study_name), timeout_s=timeout_s):
            yield
        return
    key = lock_key(study_name)
    with postgres_connection(layout.studies_url, isolation_level="AUTOCOMMIT") as connection:
        _take(connection, key, study_name, timeout_s)
        yield
        connection.execute(_GIVE_BACK, {"key": key})  # fails if the lock went with the connection


def lock_key(study_name: str) -> int:
    """Derive the number of a study's advisory lock, a signed one of 64 bits."""
    digest = hashlib.sha256(f"cappuccino/study/{study_name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _take(connection: Connection, key: int, study_name: str, timeout_s: float) -> None:
    try:
        connection.execute(_TIMEOUT, {"ms": str(max(1, round(1000 * timeout_s)))})
        connection.execute(_TAKE, {"key": key})
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise WarehouseError(
            f"Another process has held {study_name} for more than {timeout_s} s."
        ) from error
