"""Folders of a warehouse, shared by several machines through one place."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import fsspec

from cappuccino_assets.errors import InfrastructureError, IntegrityError
from cappuccino_assets.storage.files import canonical_json, new_folder, sha256_of_file
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive

_LIST: Final = "files.json"
_CHUNK_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 600.0  # for another process that fetches the bars of a whole study


def push_folder(layout: WarehouseLayout, folder: Path) -> None:
    """Copy a folder of the warehouse to the shared place; nothing happens where there is none.

    It appears there whole or not at all: every file first, under its SHA-256, and the list of them
    last. Who pushes the same folder at the same time cannot mix its files with these; the list that
    comes last holds.

    Args:
        layout: The warehouse, and the place.
        folder: A folder below the warehouse's root, which nobody changes meanwhile.

    Raises:
        ValueError: If the folder is not below the root.
        IntegrityError: If it holds anything but files and folders, or changes meanwhile.
        InfrastructureError: If the place refuses.
    """
    shelf = _shelf(layout, folder)
    if shelf is None:
        return
    digests = _digests(folder)
    with _refusals_named(shelf):
        if shelf.listed() == digests:
            return
        for name, digest in digests.items():
            shelf.put_file(folder / name, digest)
        shelf.put_list(digests)


def pull_folder(layout: WarehouseLayout, folder: Path) -> bool:
    """Make a folder of the warehouse what the shared place has under its name.

    A folder that is there already, and differs, is replaced as a whole.

    Args:
        layout: The warehouse, and the place.
        folder: A folder below the warehouse's root.

    Returns:
        Whether the place has it; where not, nothing is changed.

    Raises:
        ValueError: If the folder is not below the root.
        IntegrityError: If a file of it is absent there, or not what the list says.
        InfrastructureError: If the place refuses.
        WarehouseError: If another process has been fetching into this warehouse for too long.
    """
    shelf = _shelf(layout, folder)
    if shelf is None:
        return False
    with exclusive(layout.pull_lock, timeout_s=_PATIENCE_S), _refusals_named(shelf):
        digests = shelf.listed()
        if digests is None:
            return False
        if not folder.is_dir() or _digests(folder) != digests:
            _replace(shelf, folder, digests)
    return True


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where one folder lies in the shared place."""

    files: Any  # an fsspec file system
    path: str

    def listed(self) -> dict[str, str] | None:
        """Read the SHA-256 of every file; None before the first whole push."""
        path = f"{self.path}/{_LIST}"
        try:
            content = self.files.cat_file(path)
        except FileNotFoundError:
            return None
        return _checked(path, content)

    def put_list(self, digests: dict[str, str]) -> None:
        with self._appearing(_LIST) as target:
            target.write(canonical_json(digests).encode())

    def put_file(self, source: Path, digest: str) -> None:
        with source.open("rb") as file, self._appearing(digest) as target:
            if _copy(file, target) != digest:
                raise IntegrityError(f"{source} changed while it was pushed.")

    def get_file(self, digest: str, target: Path) -> None:
        path = f"{self.path}/{digest}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.files.open(path, "rb") as source, target.open("wb") as file:
                found = _copy(source, file)
        except FileNotFoundError as error:
            raise IntegrityError(f"{path} is listed, but absent.") from error
        if found != digest:
            raise IntegrityError(f"{path} has the SHA-256 {found}, not the one of its name.")

    @contextmanager
    def _appearing(self, name: str) -> Iterator[IO[bytes]]:
        """Write a file under another name first; whoever is killed leaves only that."""
        temporary = f"{self.path}/.{name}.{uuid4().hex}.tmp"
        self.files.makedirs(self.path, exist_ok=True)
        with self.files.open(temporary, "wb") as file:
            yield file
        self.files.mv(temporary, f"{self.path}/{name}")


def _shelf(layout: WarehouseLayout, folder: Path) -> _Shelf | None:
    inside = folder.resolve().relative_to(layout.root.resolve())  # ValueError where it is not
    if inside == Path():
        raise ValueError(f"{folder} is the whole warehouse, not a folder of it.")
    if layout.artifacts_url is None:
        return None
    files, base = fsspec.url_to_fs(layout.artifacts_url)
    return _Shelf(files, f"{base.rstrip('/')}/{inside.as_posix()}")


def _digests(folder: Path) -> dict[str, str]:
    """Hash every file of a folder, by its path in there."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise IntegrityError(f"{path} is neither a file nor a folder.")
        if path.is_file():
            digests[path.relative_to(folder).as_posix()] = sha256_of_file(path)
    if not digests:
        raise IntegrityError(f"{folder} has no files.")
    return digests


def _replace(shelf: _Shelf, folder: Path, digests: dict[str, str]) -> None:
    """Fill a new folder, then let it take the place of the old one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        fresh = Path(aside, "fresh")
        with new_folder(fresh) as filling:
            for name, digest in digests.items():
                shelf.get_file(digest, filling / name)
        if folder.exists():
            folder.rename(Path(aside, "old"))
        fresh.rename(folder)


def _checked(path: str, content: bytes) -> dict[str, str]:
    """Read a list, and see that its names lead nowhere else."""
    try:
        digests = json.loads(content)
    except ValueError as error:
        raise IntegrityError(f"{path} is not a JSON file: {error}") from error
    if not isinstance(digests, dict) or not digests:
        raise IntegrityError(f"{path} is not a list of files.")
    for name, digest in digests.items():
        if not _leads_inside(name):
            raise IntegrityError(f"{path} lists {name!r}, which may not be the name of a file.")
        if not isinstance(digest, str) or not _is_sha256(digest):
            raise IntegrityError(f"{path} lists {digest!r}, which is no SHA-256.")
    return digests


def _leads_inside(name: str) -> bool:
    return "\\" not in name and not {"", ".", ".."} & {*name.split("/")}


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


@contextmanager
def _refusals_named(shelf: _Shelf) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureError(f"{shelf.path} cannot be reached: {error}") from error
