"""What to do when memory does not suffice: the steps of a ladder, each smaller than the last."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Self

import torch

from cappuccino_assets.agents.propagation import MICRO_BATCH
from cappuccino_assets.types import Json

SMALLEST_MICRO_BATCH: Final = 64  # below it, activations are small beside the weights
_CPU: Final = torch.device("cpu")
# torch has a class for what its allocator lacks on a GPU only; of all else it tells in words. A
# library that finds no room for its own work space says that it is not initialised.
_WORDS: Final = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell a want of memory, on whatever device, from all other errors."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """How much of a training is in memory at a time.

    Attributes:
        device: Where it runs.
        micro_batch: Samples of a member in one pass. Gradients of a minibatch are summed over its
            passes, so that the batch size is the same on every rung.
        n_parts: Parts of the population, which are trained one after the other. Members do not
            depend on their company, so it changes no bit.
    """

    device: torch.device
    micro_batch: int = MICRO_BATCH
    n_parts: int = 1

    def below(self, *, batch_size: int, n_members: int, may_move_to_cpu: bool) -> Self | None:
        """Find the next rung; None at the foot of the ladder.

        Args:
            batch_size: Samples of a minibatch; larger passes than that do not occur.
            n_members: Size of the population, beyond which it cannot be divided.
            may_move_to_cpu: Whether a GPU may be left.
        """
        half = min(self.micro_batch, batch_size) // 2
        if half >= SMALLEST_MICRO_BATCH:
            return replace(self, micro_batch=half)
        if self.n_parts < n_members:
            return replace(self, n_parts=min(2 * self.n_parts, n_members))
        if may_move_to_cpu and self.device != _CPU:
            return replace(self, device=_CPU, micro_batch=MICRO_BATCH, n_parts=1)
        return None

    def parts(self, n_members: int) -> list[slice]:
        """Divide the members into parts of nearly equal size."""
        edges = [part * n_members // self.n_parts for part in range(self.n_parts + 1)]
        return [slice(*pair) for pair in pairwise(edges)]

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "device": str(self.device),
            "micro_batch": self.micro_batch,
            "n_parts": self.n_parts,
        }
