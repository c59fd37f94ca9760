"""Checkpoints: a training that was killed goes on from one, bit for bit."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from cappuccino_assets.errors import CheckpointMismatchError, IntegrityError
from cappuccino_assets.storage.files import new_folder, read_object, sha256_of_file, write_json
from cappuccino_assets.training.library_random import library_random_state
from cappuccino_assets.training.state import State
from cappuccino_assets.types import Json

_TENSORS: Final = "state.safetensors"
_REST: Final = "checkpoint.json"
_DIGITS: Final = 12  # of a step in a folder's name, so that names sort as steps do


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What a training was at one step.

    Attributes:
        step: Environment steps that each member had taken.
        state: What `PopulationTraining.state_dict` copied; on the CPU.
        library_random: States of the libraries' generators.
    """

    step: int
    state: State
    library_random: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFolder:
    """The checkpoints of one training, of which only the latest is kept.

    Each is a folder of safetensors and JSON that appears whole or not at all, and nothing in it can
    run when it is read. One process at a time uses a folder.

    Attributes:
        path: Where they lie.
        identity: All that the training depends on, the device apart, as digests by name.
    """

    path: Path
    identity: Mapping[str, str]

    def of_part(self, name: str, **identity: str) -> Self:
        """Name the folder of a part of this training, which has an identity of its own."""
        return replace(self, path=self.path / name, identity={**self.identity, **identity})

    def write(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Keep this state, and no earlier one; a step that is kept already is left as it is."""
        path = self.path / f"{step:0{_DIGITS}d}"
        if path.exists():
            return
        with new_folder(path) as folder:
            stored = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
            safetensors.torch.save_file(stored, folder / _TENSORS)
            rest = {
                "step": step,
                "identity": dict(self.identity),
                "sha256": sha256_of_file(folder / _TENSORS),
                "library_random": library_random_state(),
            }
            write_json(folder / _REST, rest)
        for other in self.path.iterdir():
            if other != path:
                shutil.rmtree(other)

    def latest(self) -> Checkpoint | None:
        """Read the last checkpoint, if there is any.

        Raises:
            CheckpointMismatchError: If another training or other code wrote it.
            IntegrityError: If it is cut off or changed.
        """
        folders = sorted(self.path.glob("[0-9]" * _DIGITS))
        return self._read(folders[-1]) if folders else None

    def write_note(self, name: str, value: Any) -> None:
        """Keep a JSON value beside the states, until everything is removed."""
        write_json(self.path / f"{name}.json", {"identity": dict(self.identity), "value": value})

    def note(self, name: str) -> Any:
        """Read a value; None if this training, by this code, has left none of that name."""
        path = self.path / f"{name}.json"
        if not path.exists():
            return None
        stored = read_object(path)
        return stored["value"] if stored["identity"] == self.identity else None

    def remove(self) -> None:
        """Remove all checkpoints of this training and its parts, if there are any."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def _read(self, folder: Path) -> Checkpoint:
        rest = read_object(folder / _REST)
        for name in ("step", "identity", "sha256", "library_random"):
            if name not in rest:
                raise IntegrityError(f"{folder / _REST} lacks {name!r}.")
        for field in sorted({*self.identity, *rest["identity"]}):
            expected, found = self.identity.get(field), rest["identity"].get(field)
            if expected != found:
                raise CheckpointMismatchError(folder, field, expected=expected, found=found)
        path = folder / _TENSORS
        if not path.is_file() or sha256_of_file(path) != rest["sha256"]:
            raise IntegrityError(f"{path} is not what its checkpoint was written with.")
        try:
            state = safetensors.torch.load_file(path)
        except SafetensorError as error:
            raise IntegrityError(f"{path} is no safetensors file: {error}") from error
        return Checkpoint(step=rest["step"], state=state, library_random=rest["library_random"])
