"""A small disk of its own for a warehouse, which can be filled to the last byte."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MIB = 256


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system in memory, where that is allowed.

    Yields:
        Whether it is one that can be filled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder))
    can_mount = shutil.which("mount") is not None and os.geteuid() == 0
    mounted = can_mount and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)
        shutil.rmtree(folder, ignore_errors=True)


def fill_for(folder: Path, seconds: float) -> None:
    """Leave no byte free for a while."""
    ballast, deadline = folder / "ballast", time.monotonic() + seconds
    try:
        with ballast.open("wb", buffering=0) as file:
            while time.monotonic() < deadline:
                _fill(file.fileno())
                time.sleep(0.005)
    finally:
        ballast.unlink()


def _fill(descriptor: int) -> None:
    for size in (2**20, 4096):
        block = bytes(size)
        while True:
            try:
                if os.write(descriptor, block) < size:
                    break
            except OSError:  # nothing is free any more
                break
