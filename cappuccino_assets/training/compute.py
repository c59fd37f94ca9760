"""Where trainings run, as a deployment asks for it; light enough to be sent to a worker."""

from dataclasses import dataclass
from typing import Final, Literal

DeviceChoice = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "reduced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """What a training may use; it belongs to no study, for results are the same within rounding.

    Attributes:
        device: `auto` is a GPU where torch finds one, and the CPU elsewhere.
        may_move_to_cpu: Whether a training for which the GPU's memory is too small, whatever its
            pieces, goes on on the CPU rather than fails.
        precision: Of the products of matrices in trainings.
    """

    device: DeviceChoice = "auto"
    may_move_to_cpu: bool = False
    precision: Precision = "float32"


ANYWHERE: Final = Compute()
