"""Locks of the kernel: whoever dies lets go."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from cappuccino_assets.errors import WarehouseError

LOCK_TIMEOUT_S: Final = 60.0
_GLANCE_S: Final = 0.5  # for somebody who only looks whether it is held
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
    lock = FileLock(path, timeout=_GLANCE_S, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise WarehouseError(refusal) from error
    _HELD[path] = lock


def is_held_elsewhere(path: Path) -> bool:
    """Tell whether another process holds a lock; whoever looks keeps nobody out.

    Args:
        path: File of the lock.
    """
    if path in _HELD or not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
