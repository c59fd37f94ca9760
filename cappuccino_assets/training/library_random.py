"""The generators of Python, NumPy and torch, which nothing here draws from but libraries may."""

import random

import numpy as np
import torch

from cappuccino_assets.types import Json


def library_random_state() -> Json:
    """Write the states of all global generators as JSON values; of GPUs, if any is in use."""
    # Asked for them, torch would take hold of each GPU, and some hundred MB of its memory.
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if in_use else []
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - the global one is meant
    return {
        "python": [version, list(words), gauss],
        "numpy": numpy_state | {"state": _listed(numpy_state["state"])},
        "torch": _hex(torch.get_rng_state()),
        "cuda": [_hex(state) for state in cuda],
    }


def restore_library_random(state: Json) -> None:
    """Put the global generators back; those of GPUs that are not here are passed over."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    key = np.array(state["numpy"]["state"]["key"], dtype=np.uint32)
    np.random.set_state(  # noqa: NPY002
        state["numpy"] | {"state": state["numpy"]["state"] | {"key": key}}
    )
    torch.set_rng_state(_bytes(state["torch"]))
    for number, stored in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(_bytes(stored), number)


def _listed(state: Json) -> Json:
    return state | {"key": state["key"].tolist()}


def _hex(state: torch.Tensor) -> str:
    return state.numpy().tobytes().hex()


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
