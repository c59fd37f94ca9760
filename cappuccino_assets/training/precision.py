"""How exactly matrices are multiplied while agents are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from cappuccino_assets.training.compute import Precision

# A CPU with matrix units (AMX) multiplies bfloat16 several times faster, a GPU TensorFloat-32;
# both add up in float32. A CPU without such units gains nothing.
_REDUCED: Final = {"cpu": "bf16", "cuda": "tf32"}


@contextmanager
def multiplied_with(precision: Precision, device: torch.device) -> Iterator[None]:
    """Multiply float32 matrices on a device with a precision, and as before afterwards.

    Args:
        precision: `float32`, or `reduced` to what the device is fastest at. Only the factors of
            products are rounded: sums, weights, money and every backtest stay as they are.
        device: Where they are.
    """
    backend = _backend(device)
    before = backend.fp32_precision
    backend.fp32_precision = _REDUCED[device.type] if precision == "reduced" else "ieee"
    try:
        yield
    finally:
        backend.fp32_precision = before


def _backend(device: torch.device) -> Any:
    backends: Any = torch.backends
    return (backends.cuda if device.type == "cuda" else backends.mkldnn).matmul
