"""Weights of a model as safetensors: nothing in the file can run when it is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cappuccino_assets.errors import ContractMismatchError, IntegrityError
from cappuccino_assets.storage.files import sha256_of, write_bytes

_LENGTH_BYTES: Final = 8  # of the header's length, in front of it


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, contract_hash: str) -> str:
    """Write weights, with the hash of their feature contract inside.

    Args:
        path: The file to replace.
        tensors: Float32 tensors by name.
        contract_hash: Hash of the contract by which the model must be fed.

    Returns:
        SHA-256 of the file.

    Raises:
        IntegrityError: If a tensor is not float32 or not finite.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    _check_values(path, stored)
    data = safetensors.torch.save(stored, metadata={"contract_hash": contract_hash})
    write_bytes(path, data)
    return sha256_of(data)


def read_weights(path: Path, *, sha256: str, contract_hash: str) -> dict[str, Tensor]:
    """Read weights that must be the ones named.

    Args:
        path: The file; a link is refused.
        sha256: What the content must hash to.
        contract_hash: Hash of the contract that the file must carry.

    Raises:
        IntegrityError: If the file is absent, another one, or no finite float32 safetensors.
        ContractMismatchError: If it was made for another contract.
    """
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{path} is not a regular file.")
    data = path.read_bytes()
    found = sha256_of(data)
    if found != sha256:
        raise IntegrityError(f"{path} has the SHA-256 {found}, but {sha256} is on record.")
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise IntegrityError(f"{path} is no safetensors file: {error}") from error
    _check_values(path, tensors)
    carried = _metadata(data).get("contract_hash")
    if carried != contract_hash:
        raise ContractMismatchError("contract_hash", expected=contract_hash, found=carried)
    return tensors


def _check_values(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise IntegrityError(f"{path}: {name!r} must be float32, but is {tensor.dtype}.")
        if not tensor.isfinite().all():
            raise IntegrityError(f"{path}: {name!r} holds values that are not finite.")


def _metadata(data: bytes) -> Mapping[str, str]:
    stop = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    metadata: Mapping[str, str] = json.loads(data[_LENGTH_BYTES:stop]).get("__metadata__", {})
    return metadata
