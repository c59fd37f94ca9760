"""Locks of the kernel: whoever dies lets go."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from cappuccino_assets.errors import WarehouseError

LOCK_TIMEOUT_S: Final = 60.0
_HELD: Final[dict[Path, FileLock]] = {}


@contextmanager
def exclusive(path: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Keep other processes out while the body runs.

    Args:
        path: File of the lock; it is made where it is absent.
        timeout_s: How long to wait for another holder.

    Raises:
        WarehouseError: If another holder keeps it for longer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=timeout_s)
    try:
        lock.acquire()
    except Timeout as error:
        raise WarehouseError(
            f"Another process has held {path} for more than {timeout_s} s."
        ) from error
    try:
        yield
    finally:
        lock.release()


def hold_until_exit(path: Path, *, refusal: str) -> None:
    """Keep other processes out for as long as this one lives; to do it again changes nothing.

    Args:
        path: File of the lock; it is made where it is absent.
        refusal: What to say where another process holds it.

    Raises:
        WarehouseError: If another process holds it.
    """
    if path in _HELD:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise WarehouseError(refusal) from error
    _HELD[path] = lock
