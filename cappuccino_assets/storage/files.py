"""Files that are written whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from cappuccino_assets.errors import IntegrityError


def canonical_json(value: Any) -> str:
    """Render a value so that equal values have equal text: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(data: bytes) -> str:
    """Hash bytes; 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hash a file's content; 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by new content, through a temporary file, fsync and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def append_bytes(path: Path, data: bytes) -> None:
    """Add to the end of a file, and wait until the disk has it; a crash may leave a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def cut_file(path: Path, n_bytes: int) -> None:
    """Keep the first bytes of a file only, and wait until the disk has it so."""
    os.truncate(path, n_bytes)
    _sync_file(path)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file; a NaN or infinity in it raises ValueError."""
    text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is none.
        IntegrityError: If its content is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise IntegrityError(f"{path} is not a JSON file: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that must hold an object.

    Raises:
        IntegrityError: If it is absent, a link, no JSON, or holds something else.
    """
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{path} is not a regular file.")
    value = read_json(path)
    if not isinstance(value, dict):
        raise IntegrityError(f"{path} must hold a JSON object, but holds {type(value).__name__}.")
    return value


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Replace a Parquet file, through a temporary file, fsync and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        frame.write_parquet(temporary)
        put_in_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def copy_file(source: Path, target: Path) -> None:
    """Replace a file by a copy of another, through a temporary file, fsync and rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(source, temporary)
        put_in_place(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Replace a file by a finished one of the same folder, once the disk has it."""
    _sync_file(temporary)
    temporary.replace(path)
    _sync_folder(path.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of a file or folder that they meant to make.

    To be called where nobody else may be making it.
    """
    for temporary in path.parent.glob(f".{path.name}.*.tmp"):
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink()


def remove_folder(path: Path) -> None:
    """Remove a folder, if there is one, and what killed processes left of it."""
    remove_unfinished(path)
    if path.exists():
        shutil.rmtree(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a write-once folder: fill the yielded temporary folder, then it appears whole.

    Args:
        path: The folder to make. When the body raises, nothing of it exists.

    Yields:
        A temporary folder on the same file system.

    Raises:
        FileExistsError: If `path` already exists; it is left as it is.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists and is written only once.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    temporary.chmod(0o755)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync_file(file)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
